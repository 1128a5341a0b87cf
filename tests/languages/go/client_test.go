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
	"strings"
	"sync"
	"testing"
	"time"

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

func TestErrorsOfMethods(t *testing.T) {
	client, ctx := users(t), within(t, patience)
	_, err := client.GetUser(ctx, &usersv1.GetUserRequest{Id: "nobody"})
	if found := wantCode(t, err, freshet.NotFound); found.Message == "" || found.NotSent {
		t.Fatal(found)
	}
	_, err = client.GetUser(ctx, &usersv1.GetUserRequest{})
	wantCode(t, err, freshet.InvalidArgument)
	_, err = client.GetUser(ctx, nil)
	wantCode(t, err, freshet.InvalidArgument)
	caller := channel(t, os.Getenv("FRESHET_API"), nil)
	wantCode(t, caller.Invoke(ctx, "no.such/Method", nil, nil), freshet.Unimplemented)
}

func TestCodesDetailsAndMetadata(t *testing.T) {
	client, ctx := fake(t), within(t, patience)
	sent := freshet.Metadata{"x-mine": {"one", "two"}, "mine-bin": {"\x00\xff"}}
	for code := uint32(1); code <= 20; code++ {
		var metadata freshet.Metadata
		_, err := client.Fail(ctx, &probe.Failure{Code: code, Message: "wörds", RetryAfterUs: 1500},
			freshet.WithMetadata(sent), freshet.AnswerMetadata(&metadata))
		want := freshet.Code(code)
		if code > 16 {
			want = freshet.Unknown
		}
		found := wantCode(t, err, want)
		detail, failed := found.Details[0].UnmarshalNew()
		if failed != nil || detail.(*probe.Failure).Message != "wörds" || found.Message != "wörds" {
			t.Fatal(found, failed)
		}
		if found.RetryAfter != 1500*time.Microsecond || len(found.Metadata.Get("x-bytes-bin")) != 256 {
			t.Fatal(found)
		}
		if mine := metadata["x-mine"]; len(mine) != 2 || mine[1] != "two" || metadata.Get("mine-bin") != "\x00\xff" {
			t.Fatal(metadata)
		}
		if freshet.CodeOf(fmt.Errorf("wrapped: %w", err)) != want || !strings.HasPrefix(err.Error(), want.String()+": ") {
			t.Fatal(err)
		}
	}
}

func TestBadMetadataAndLargeMessagesAreRefusedHere(t *testing.T) {
	client, ctx := fake(t), within(t, patience)
	many := freshet.Metadata{"x-many": make([]string, 65)}
	for code, metadata := range map[freshet.Code][]freshet.Metadata{
		freshet.InvalidArgument:   {{"": {"x"}}, {"Upper": {"x"}}, {"x-y": {"\n"}}, {"x-y": {"é"}}},
		freshet.ResourceExhausted: {many, {"x-long-bin": {strings.Repeat("x", 8192)}}},
	} {
		for _, each := range metadata {
			_, err := client.Echo(ctx, &probe.Text{}, freshet.WithMetadata(each))
			if !wantCode(t, err, code).NotSent {
				t.Fatal(err)
			}
		}
	}
	_, err := client.Echo(ctx, &probe.Text{Text: strings.Repeat("x", 4<<20)})
	wantCode(t, err, freshet.ResourceExhausted)
	_, err = client.Echo(ctx, &probe.Text{Text: "\xff"})
	wantCode(t, err, freshet.Internal)
	large := strings.Repeat("x", 3<<20)
	if answer := ok[*probe.Text](t)(client.Echo(ctx, &probe.Text{Text: large, Number: -1 << 63})); answer.Text != large ||
		answer.Number != -1<<63 {
		t.Fatal("3 MiB came back changed")
	}
}

func TestAThousandCallsAtOnce(t *testing.T) {
	client, ctx := users(t), within(t, patience)
	var group sync.WaitGroup
	for i := 0; i < 1000; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			id := []string{"user-123", "user-456", "user-789", "nobody"}[i%4]
			user, err := client.GetUser(ctx, &usersv1.GetUserRequest{Id: id})
			if i%4 == 3 {
				if freshet.CodeOf(err) != freshet.NotFound {
					t.Error(err)
				}
			} else if err != nil || user.Id != id {
				t.Error(user, err)
			}
		}(i)
	}
	group.Wait()
}

func TestAnswersOutOfOrder(t *testing.T) {
	client, ctx := fake(t), within(t, patience)
	slow := make(chan error)
	go func() {
		_, err := client.Late(ctx, &probe.Text{Number: 2000})
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
			answer, err := call(ctx, &probe.Text{Text: fmt.Sprint(i), Number: (300 - i) / 3})
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

func TestCallsIssuedTogetherLeaveTogether(t *testing.T) {
	client, ctx := fake(t), within(t, patience)
	ok[*probe.Text](t)(client.Echo(ctx, &probe.Text{}))
	var group sync.WaitGroup
	var mu sync.Mutex
	largest := int64(0)
	for i := 0; i < 200; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for j := 0; j < 5; j++ {
				answer, err := client.Gathered(ctx, &probe.Text{})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if answer.Number > largest {
					largest = answer.Number
				}
				mu.Unlock()
			}
		}()
	}
	group.Wait()
	if largest < 20 {
		t.Fatalf("at most %d calls left together", largest)
	}
}

func TestDeadlines(t *testing.T) {
	client := fake(t)
	for _, call := range []func(context.Context, *probe.Text, ...freshet.CallOption) (*probe.Text, error){client.Late,
		client.Silence} {
		began := time.Now()
		_, err := call(within(t, 100*time.Millisecond), &probe.Text{Number: -1})
		wantCode(t, err, freshet.DeadlineExceeded)
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > 5*time.Second {
			t.Fatal(err, took)
		}
	}
	_, err := client.Echo(within(t, -time.Second), &probe.Text{})
	if !wantCode(t, err, freshet.DeadlineExceeded).NotSent {
		t.Fatal(err)
	}
}

func TestDeadlineWhileConnecting(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	began := time.Now()
	patient := probe.NewProbeClient(channel(t, silent.Addr().String(), &freshet.Options{ConnectTimeout: patience}))
	_, err = patient.Echo(within(t, 100*time.Millisecond), &probe.Text{})
	if found := wantCode(t, err, freshet.DeadlineExceeded); !found.NotSent || time.Since(began) > 5*time.Second {
		t.Fatal(err, time.Since(began))
	}
	client := probe.NewProbeClient(channel(t, silent.Addr().String(), nil))
	_, err = client.Echo(within(t, patience), &probe.Text{})
	if found := wantCode(t, err, freshet.Unavailable); !found.NotSent || time.Since(began) > 5*time.Second ||
		!strings.Contains(found.Message, "no connection within 1s") {
		t.Fatal(err, time.Since(began))
	}
	began = time.Now()
	_, err = client.Echo(context.Background(), &probe.Text{})
	if wantCode(t, err, freshet.Unavailable); time.Since(began) > time.Second {
		t.Fatal("it waited again")
	}
}

func TestRefusedConnectionsFailAtOnce(t *testing.T) {
	client := probe.NewProbeClient(channel(t, "tcp://127.0.0.1:1", &freshet.Options{ConnectTimeout: patience}))
	began := time.Now()
	for i := 0; i < 20; i++ {
		_, err := client.Echo(context.Background(), &probe.Text{})
		if found := wantCode(t, err, freshet.Unavailable); !found.NotSent || !strings.Contains(found.Message, "refused") {
			t.Fatal(err)
		}
	}
	if time.Since(began) > 5*time.Second {
		t.Fatal("it waited")
	}
	for _, target := range []string{"", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:x", ":80", "tcp://:80", "127.0.0.1:99999"} {
		_, err := freshet.NewChannel(target, nil)
		wantCode(t, err, freshet.InvalidArgument)
	}
}

func TestCancellation(t *testing.T) {
	client := fake(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	for i := 0; i < 3; i++ {
		go func() {
			_, err := client.Late(ctx, &probe.Text{Number: -1})
			ended <- err
		}()
	}
	ok[*probe.Text](t)(client.Late(within(t, patience), &probe.Text{Number: 50}))
	cancel()
	for i := 0; i < 3; i++ {
		if err := <-ended; freshet.CodeOf(err) != freshet.Cancelled || !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(patience); ; {
		if ok[*probe.Text](t)(client.Cancelled(within(t, patience), &probe.Text{})).Number == 3 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the server was not told")
		}
	}
	_, err := client.Echo(ctx, &probe.Text{})
	wantCode(t, err, freshet.Cancelled)
}

func TestMalformedReplies(t *testing.T) {
	client, ctx := fake(t), within(t, patience)
	for _, test := range []struct {
		name string
		call func(context.Context, *probe.Text, ...freshet.CallOption) (*probe.Text, error)
		code freshet.Code
	}{
		{"Forget", client.Forget, freshet.Unavailable}, {"Ignore", client.Ignore, freshet.Internal},
		{"Strangers", client.Strangers, freshet.OK}, {"WrongMessage", client.WrongMessage, freshet.OK},
		{"Garbage", client.Garbage, freshet.Internal}, {"GarbagePayload", client.GarbagePayload, freshet.Internal},
		{"GarbageMetadata", client.GarbageMetadata, freshet.Internal}, {"Refuse", client.Refuse, freshet.ResourceExhausted},
		{"TooLong", client.TooLong, freshet.Unavailable}, {"TooShort", client.TooShort, freshet.Unavailable},
		{"Break", client.Break, freshet.Unavailable},
	} {
		_, err := test.call(ctx, &probe.Text{Text: "x"})
		if freshet.CodeOf(err) != test.code {
			t.Errorf("%s: %v, want %v", test.name, err, test.code)
		}
		if test.name == "Refuse" && !wantCode(t, err, test.code).NotSent {
			t.Error(err)
		}
		if answer, err := client.Echo(ctx, &probe.Text{Text: "lives"}); err != nil || answer.Text != "lives" {
			t.Fatalf("after %s: %v", test.name, err)
		}
	}
}

func TestASilentServerIsDead(t *testing.T) {
	client := probe.NewProbeClient(channel(t, os.Getenv("FRESHET_FAKE"), &freshet.Options{Keepalive: 200 * time.Millisecond}))
	_, err := client.Silence(within(t, patience), &probe.Text{})
	if found := wantCode(t, err, freshet.Unavailable); found.NotSent {
		t.Fatal(err)
	}
	ok[*probe.Text](t)(client.Echo(within(t, patience), &probe.Text{}))
}

func TestDraining(t *testing.T) {
	client := fake(t)
	late := make(chan error)
	go func() {
		_, err := client.Late(within(t, patience), &probe.Text{Number: 200})
		late <- err
	}()
	ok[*probe.Text](t)(client.Echo(within(t, patience), &probe.Text{}))
	answer := ok[*probe.Text](t)(client.Drain(within(t, patience), &probe.Text{Text: "again"}))
	if answer.Text != "again" {
		t.Fatal(answer)
	}
	if err := <-late; err != nil {
		t.Fatal("a call that was open while the server drained: ", err)
	}
	began := time.Now()
	_, err := client.DrainForEver(within(t, patience), &probe.Text{})
	if found := wantCode(t, err, freshet.Unavailable); !found.NotSent || time.Since(began) > 5*time.Second {
		t.Fatal(err, time.Since(began))
	}
}

func TestCloseEndsCalls(t *testing.T) {
	c := channel(t, os.Getenv("FRESHET_FAKE"), nil)
	client := probe.NewProbeClient(c)
	ended := make(chan error)
	for i := 0; i < 10; i++ {
		go func() {
			_, err := client.Late(context.Background(), &probe.Text{Number: -1})
			ended <- err
		}()
	}
	ok[*probe.Text](t)(client.Echo(within(t, patience), &probe.Text{}))
	c.Close()
	c.Close()
	for i := 0; i < 10; i++ {
		wantCode(t, <-ended, freshet.Cancelled)
	}
	_, err := client.Echo(context.Background(), &probe.Text{})
	wantCode(t, err, freshet.Cancelled)
}

func TestTheServerIsRestarted(t *testing.T) {
	client, ctx := users(t), within(t, 2*patience)
	request := &usersv1.GetUserRequest{Id: "user-123"}
	ok[*usersv1.User](t)(client.GetUser(ctx, request))
	stop, down := make(chan struct{}), make(chan struct{}, 1)
	var group sync.WaitGroup
	for i := 0; i < 8; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for {
				_, err := client.GetUser(ctx, request)
				if code := freshet.CodeOf(err); code == freshet.Unavailable {
					select {
					case down <- struct{}{}:
					default:
					}
				} else if code != freshet.OK {
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
	ask(t, "kill")
	<-down
	ask(t, "start")
	for {
		if _, err := client.GetUser(ctx, request); err == nil {
			break
		} else if ctx.Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	close(stop)
	group.Wait()
	ask(t, "drain") // SIGTERM, and a new one
	for i := 0; i < 10; i++ {
		if _, err := client.GetUser(ctx, request); err != nil {
			wantCode(t, err, freshet.Unavailable)
			time.Sleep(time.Millisecond)
			i = 0
		}
	}
}
