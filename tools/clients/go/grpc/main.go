// SPDX-License-Identifier: MIT

// The load over grpc-go with the stubs of its plugin; ADDRESS is host:port. See package loop.
package main

import (
	"context"

	"clients/loop"
	usersv1pb "example/grpc/users/v1"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// Debian's grpc-go still encodes with protobuf's first Go API, which does not know today's messages.
type codec struct{}

func (codec) Name() string                            { return "proto" }
func (codec) Marshal(m interface{}) ([]byte, error)   { return proto.Marshal(m.(proto.Message)) }
func (codec) Unmarshal(b []byte, m interface{}) error { return proto.Unmarshal(b, m.(proto.Message)) }

func main() {
	loop.Run(func(address string) (func(id string) (string, error), error) {
		connection, err := grpc.Dial(address, grpc.WithInsecure(), grpc.WithBlock(),
			grpc.WithDefaultCallOptions(grpc.ForceCodec(codec{})))
		if err != nil {
			return nil, err
		}
		users := usersv1pb.NewUsersClient(connection)
		return func(id string) (string, error) {
			user, err := users.GetUser(context.Background(), &usersv1pb.GetUserRequest{Id: id})
			return user.GetId(), err
		}, nil
	})
}
