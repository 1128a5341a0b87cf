// SPDX-License-Identifier: MIT

// main.go - reads a user, changes her preference and reads her again: main ADDRESS
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"example/stubs/freshet"
	usersv1pb "example/stubs/users/v1"
)

func main() {
	channel, err := freshet.NewChannel(append(os.Args, "tcp://127.0.0.1:7001")[1], nil)
	if err != nil {
		log.Fatal(err)
	}
	defer channel.Close()
	users := usersv1pb.NewUsersClient(channel)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	show := func(user *usersv1pb.User, err error) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s\n", user.GetName(), user.GetPreference())
	}

	get := &usersv1pb.GetUserRequest{Id: "user-123"}
	update := &usersv1pb.UpdatePreferenceRequest{Id: "user-123", Preference: "light_mode"}
	show(users.GetUser(ctx, get))
	show(users.UpdatePreference(ctx, update))
	show(users.GetUser(ctx, get))
}
