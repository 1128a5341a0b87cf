// SPDX-License-Identifier: MIT

// The load over Freshet's Go client; ADDRESS is tcp://host:port. See package loop.
package main

import (
	"context"

	"clients/loop"
	"example/stubs/freshet"
	usersv1pb "example/stubs/users/v1"
)

func main() {
	loop.Run(func(address string) (func(id string) (string, error), error) {
		channel, err := freshet.NewChannel(address, nil)
		if err != nil {
			return nil, err
		}
		users := usersv1pb.NewUsersClient(channel)
		return func(id string) (string, error) {
			user, err := users.GetUser(context.Background(), &usersv1pb.GetUserRequest{Id: id})
			return user.GetId(), err
		}, nil
	})
}
