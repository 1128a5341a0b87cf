// SPDX-License-Identifier: MIT

// The Go client against freshet-api and tests/support/fake_server.py; tests/languages/test_go.py generates the stubs
// and runs this.
package client_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/anypb"

	"example/stubs/freshet"
	probe "example/stubs/probe"
	usersv1 "example/stubs/users/v1"
)

const patience = 30 * time.Second // for what comes sooner unless something is wrong

var control = bufio.NewReader(os.Stdin)

// ask has test_go.py do something with the services.
func ask(t *testing.T, what string) {
	t.Helper()
	fmt.Printf("@%s\n", what)
	if line, err := control.ReadString('\n'); err != nil || line != "done\n" {
		t.Fatalf("%s: %q, %v", what, line, err)
	}
}

func channel(t *testing.T, target string, options *freshet.Options) *freshet.Channel {
	t.Helper()
	c, err := freshet.NewChannel(target, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func users(t *testing.T) usersv1.UsersClient {
	return usersv1.NewUsersClient(channel(t, os.Getenv("FRESHET_API"), nil))
}

func fake(t *testing.T) probe.ProbeClient {
	return probe.NewProbeClient(channel(t, os.Getenv("FRESHET_FAKE"), nil))
}

func within(t *testing.T, timeout time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	t.Cleanup(cancel)
	return ctx
}

func wantCode(t *testing.T, err error, code freshet.Code) *freshet.Error {
	t.Helper()
	var found *freshet.Error
	if !errors.As(err, &found) || found.Code != code {
		t.Fatalf("got %v, want %v", err, code)
	}
	return found
}

func ok[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func TestReadsAndWrites(t *testing.T) {
	client, ctx := users(t), within(t, patience)
	user := ok[*usersv1.User](t)
	alice := user(client.GetUser(ctx, &usersv1.GetUserRequest{Id: "user-123"}))
	if alice.Name != "Alice" {
		t.Fatal(alice)
	}
	written := user(client.UpdatePreference(ctx, &usersv1.UpdatePreferenceRequest{Id: "user-123", Preference: "größer ☃"}))
	if written.Version <= alice.Version {
		t.Fatal(written)
	}
	var metadata freshet.Metadata
	read := user(client.GetUser(ctx, &usersv1.GetUserRequest{Id: "user-123"}, freshet.AnswerMetadata(&metadata)))
	if read.Preference != "größer ☃" || read.UpdateTime.GetSeconds() == 0 || metadata.Get("x-cache") == "" {
		t.Fatal(read, metadata)
	}
}

// What an error says besides what tests/languages/conformance asks for.
func TestErrors(t *testing.T) {
	client, ctx := users(t), within(t, patience)
	_, err := client.GetUser(ctx, &usersv1.GetUserRequest{Id: "nobody"})
	if found := wantCode(t, err, freshet.NotFound); found.NotSent || err.Error() != "NOT_FOUND: "+found.Message {
		t.Fatal(found)
	}
	if freshet.CodeOf(fmt.Errorf("wrapped: %w", err)) != freshet.NotFound || freshet.CodeOf(nil) != freshet.OK {
		t.Fatal(err)
	}
	_, err = client.GetUser(ctx, nil)
	wantCode(t, err, freshet.InvalidArgument)
	caller := channel(t, os.Getenv("FRESHET_API"), nil)
	wantCode(t, caller.Invoke(ctx, "no.such/Method", nil, nil), freshet.Unimplemented)
	for _, target := range []string{"", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:x", ":80", "tcp://:80", "127.0.0.1:99999"} {
		_, err := freshet.NewChannel(target, nil)
		wantCode(t, err, freshet.InvalidArgument)
	}
}

func TestDetailsAreMessages(t *testing.T) {
	value, err := anypb.New(&probe.Values{Text: "wörds"})
	if err != nil {
		t.Fatal(err)
	}
	failure := &freshet.Error{Code: freshet.Aborted, Details: []*anypb.Any{value}}
	if detail, err := failure.Details[0].UnmarshalNew(); err != nil || detail.(*probe.Values).Text != "wörds" {
		t.Fatal(detail, err)
	}
}

func TestErrorsOfTheContext(t *testing.T) {
	client := fake(t)
	_, err := client.Late(within(t, 100*time.Millisecond), &probe.Values{Number: -1})
	if wantCode(t, err, freshet.DeadlineExceeded); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	_, err = client.Echo(within(t, -time.Second), &probe.Values{})
	if !wantCode(t, err, freshet.DeadlineExceeded).NotSent {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = client.Echo(ctx, &probe.Values{})
	if !wantCode(t, err, freshet.Cancelled).NotSent || !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestWhatCertainlyDidNotRunSaysSo(t *testing.T) {
	client, ctx := fake(t), within(t, patience)
	for _, metadata := range []freshet.Metadata{{"Upper": {"x"}}, {"x-many": make([]string, 65)}} {
		_, err := client.Echo(ctx, &probe.Values{}, freshet.WithMetadata(metadata))
		if freshet.CodeOf(err) == freshet.OK || !err.(*freshet.Error).NotSent {
			t.Fatal(err)
		}
	}
	_, err := client.Echo(ctx, &probe.Values{Text: "\xff"})
	if !wantCode(t, err, freshet.Internal).NotSent {
		t.Fatal(err)
	}
	_, err = client.Refuse(ctx, &probe.Values{})
	if !wantCode(t, err, freshet.ResourceExhausted).NotSent {
		t.Fatal(err)
	}
	_, err = client.Forget(ctx, &probe.Values{})
	if wantCode(t, err, freshet.Unavailable).NotSent {
		t.Fatal(err)
	}
	refused := probe.NewProbeClient(channel(t, "tcp://127.0.0.1:1", nil))
	_, err = refused.Echo(ctx, &probe.Values{})
	if !wantCode(t, err, freshet.Unavailable).NotSent {
		t.Fatal(err)
	}
}

// Calls wait for a connection once, not one after the other.
func TestASilentServerIsWaitedForOnce(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	client := probe.NewProbeClient(channel(t, silent.Addr().String(), &freshet.Options{ConnectTimeout: 2 * time.Second}))
	_, err = client.Echo(within(t, patience), &probe.Values{})
	wantCode(t, err, freshet.Unavailable)
	began := time.Now()
	_, err = client.Echo(context.Background(), &probe.Values{})
	if wantCode(t, err, freshet.Unavailable); time.Since(began) > time.Second {
		t.Fatal("it waited again")
	}
}

func TestAnswersOutOfOrder(t *testing.T) {
	client, ctx := fake(t), within(t, patience)
	slow := make(chan error)
	go func() {
		_, err := client.Late(ctx, &probe.Values{Number: 2000})
		slow <- err
	}()
	var group sync.WaitGroup
	for i := int64(0); i < 300; i++ {
		group.Add(1)
		go func(i int64) {
			defer group.Done()
			call := client.Echo
			if i%3 == 0 {
				call = client.Late
			}
			answer, err := call(ctx, &probe.Values{Text: fmt.Sprint(i), Number: (300 - i) / 3})
			if err != nil || answer.Text != fmt.Sprint(i) {
				t.Error(answer, err)
			}
		}(i)
	}
	group.Wait()
	select {
	case err := <-slow:
		t.Fatal("the slow call held up the others: ", err)
	default:
	}
	if err := <-slow; err != nil {
		t.Fatal(err)
	}
}

func TestDraining(t *testing.T) {
	client := fake(t)
	late := make(chan error)
	go func() {
		_, err := client.Late(within(t, patience), &probe.Values{Number: 200})
		late <- err
	}()
	ok[*probe.Values](t)(client.Echo(within(t, patience), &probe.Values{}))
	answer := ok[*probe.Values](t)(client.Drain(within(t, patience), &probe.Values{Text: "again"}))
	if answer.Text != "again" {
		t.Fatal(answer)
	}
	if err := <-late; err != nil {
		t.Fatal("a call that was open while the server drained: ", err)
	}
}

func TestCloseEndsCalls(t *testing.T) {
	c := channel(t, os.Getenv("FRESHET_FAKE"), nil)
	client := probe.NewProbeClient(c)
	ended := make(chan error)
	for i := 0; i < 10; i++ {
		go func() {
			_, err := client.Late(context.Background(), &probe.Values{Number: -1})
			ended <- err
		}()
	}
	ok[*probe.Values](t)(client.Echo(within(t, patience), &probe.Values{}))
	c.Close()
	c.Close()
	for i := 0; i < 10; i++ {
		wantCode(t, <-ended, freshet.Cancelled)
	}
	_, err := client.Echo(context.Background(), &probe.Values{})
	wantCode(t, err, freshet.Cancelled)
}

func TestCallsWhileAServerDrains(t *testing.T) {
	client, ctx := users(t), within(t, 2*patience)
	request := &usersv1.GetUserRequest{Id: "user-123"}
	ok[*usersv1.User](t)(client.GetUser(ctx, request))
	stop := make(chan struct{})
	var group sync.WaitGroup
	for i := 0; i < 8; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for {
				_, err := client.GetUser(ctx, request)
				if code := freshet.CodeOf(err); code != freshet.OK && code != freshet.Unavailable {
					t.Error(err)
				}
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
			}
		}()
	}
	ask(t, "drain") // SIGTERM, and a new one
	for i := 0; i < 10; i++ {
		if _, err := client.GetUser(ctx, request); err != nil {
			wantCode(t, err, freshet.Unavailable)
			time.Sleep(time.Millisecond)
			i = 0
		}
	}
	close(stop)
	group.Wait()
}
