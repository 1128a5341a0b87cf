// SPDX-License-Identifier: MIT

// driver.go - carries out vectors.json with the generated Go client; scenario.proto says what a step is.
//
// usage: driver VECTORS SERVER=ADDRESS...
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	conformance "example/stubs/conformance"
	"example/stubs/freshet"
	probe "example/stubs/probe"
)

type method = func(context.Context, *probe.Values, ...freshet.CallOption) (*probe.Values, error)

var (
	input    = bufio.NewReader(os.Stdin)
	targets  = map[string]*conformance.Target{}
	servers  = map[string]string{}
	channels = map[string]*freshet.Channel{}
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, "driver.go:", err)
		os.Exit(1)
	}
	return value
}

func say(outcome *conformance.Outcome) {
	fmt.Printf("%s\n", must(protojson.Marshal(outcome)))
}

func ask(what string) {
	say(&conformance.Outcome{Ask: what})
	if line := must(input.ReadString('\n')); line != "done\n" {
		must(0, fmt.Errorf("nobody did %q", what))
	}
}

func channel(name string) *freshet.Channel {
	if channels[name] == nil {
		target := targets[name]
		channels[name] = must(freshet.NewChannel(servers[target.Server], &freshet.Options{
			ConnectTimeout: time.Duration(target.ConnectTimeoutMs) * time.Millisecond,
			Keepalive:      time.Duration(target.KeepaliveMs) * time.Millisecond,
		}))
	}
	return channels[name]
}

// methodOf finds "Conformance/Echo" in the generated clients.
func methodOf(target, name string) method {
	service, member, _ := strings.Cut(name, "/")
	client := map[string]any{
		"Conformance": probe.NewConformanceClient(channel(target)),
		"Probe":       probe.NewProbeClient(channel(target)),
	}[service]
	return reflect.ValueOf(client).MethodByName(member).Interface().(method)
}

func requestOf(step *conformance.Step) *probe.Values {
	request := &probe.Values{}
	if step.Request != nil {
		request = proto.Clone(step.Request).(*probe.Values)
	}
	if step.Fill != nil {
		request.Text = string(bytes.Repeat(step.Fill.Pattern, int(step.Fill.Times)))
	}
	return request
}

func metadataOf(step *conformance.Step) freshet.Metadata {
	metadata := freshet.Metadata{}
	for _, entry := range step.Metadata {
		for i := uint32(0); i == 0 || i < entry.Times; i++ {
			metadata[entry.Key] = append(metadata[entry.Key], entry.Text+string(entry.Data))
		}
	}
	return metadata
}

func contextOf(step *conformance.Step) (context.Context, context.CancelFunc) {
	if step.TimeoutMs == 0 {
		return context.WithCancel(context.Background())
	}
	return context.WithTimeout(context.Background(), time.Duration(step.TimeoutMs)*time.Millisecond)
}

func outcomeOf(answer *probe.Values, metadata freshet.Metadata, err error) *conformance.Outcome {
	outcome := &conformance.Outcome{Code: conformance.Code(freshet.CodeOf(err))}
	var failed *freshet.Error
	if errors.As(err, &failed) {
		outcome.Message, metadata = failed.Message, failed.Metadata
		outcome.RetryAfterUs = uint64(failed.RetryAfter / time.Microsecond)
		for _, detail := range failed.Details {
			outcome.Details = append(outcome.Details, &probe.Detail{TypeUrl: detail.TypeUrl, Value: detail.Value})
		}
	} else {
		outcome.Answer = must(proto.Marshal(answer))
	}
	for key, values := range metadata {
		for _, value := range values {
			entry := &conformance.Entry{Key: key}
			if strings.HasSuffix(key, "-bin") {
				entry.Data = []byte(value)
			} else {
				entry.Text = value
			}
			outcome.Metadata = append(outcome.Metadata, entry)
		}
	}
	return outcome
}

func callOnce(step *conformance.Step, request *probe.Values) *conformance.Outcome {
	ctx, cancel := contextOf(step)
	defer cancel()
	call := methodOf(step.Target, step.Method)
	ended := make(chan *conformance.Outcome, 1)
	go func() {
		var metadata freshet.Metadata
		answer, err := call(ctx, request, freshet.WithMetadata(metadataOf(step)), freshet.AnswerMetadata(&metadata))
		ended <- outcomeOf(answer, metadata, err)
	}()
	if step.Meanwhile != "" {
		must(methodOf(step.Target, "Conformance/Arrived")(context.Background(), request))
		if step.Meanwhile == "cancel" {
			cancel()
		} else {
			ask(step.Meanwhile)
		}
	}
	return <-ended
}

func callMany(step *conformance.Step, request *probe.Values) *conformance.Outcome {
	ctx, cancel := contextOf(step)
	defer cancel()
	call := methodOf(step.Target, step.Method)
	outcome := &conformance.Outcome{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for i := int64(0); i < int64(step.Times); i++ {
		mine := proto.Clone(request).(*probe.Values)
		mine.Number = i
		group.Add(1)
		go func() {
			defer group.Done()
			answer, err := call(ctx, mine)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				outcome.Code = conformance.Code(freshet.CodeOf(err))
			} else if proto.Equal(answer, mine) {
				outcome.Right++
			}
		}()
	}
	group.Wait()
	return outcome
}

func run(step *conformance.Step) {
	request, began := requestOf(step), time.Now()
	for {
		call := callOnce
		if step.Times > 0 {
			call = callMany
		}
		outcome := call(step, request)
		outcome.Name, outcome.TookMs = step.Name, uint32(time.Since(began)/time.Millisecond)
		if outcome.Code == conformance.Code_OK || outcome.TookMs >= step.AgainForMs {
			say(outcome)
			return
		}
	}
}

func main() {
	var scenario conformance.Scenario
	must(0, protojson.Unmarshal(must(os.ReadFile(os.Args[1])), &scenario))
	for _, argument := range os.Args[2:] {
		name, address, _ := strings.Cut(argument, "=")
		servers[name] = address
	}
	for _, target := range scenario.Targets {
		targets[target.Name] = target
	}
	for _, step := range scenario.Steps {
		if step.Ask != "" {
			ask(step.Ask)
		} else {
			run(step)
		}
	}
	for _, each := range channels {
		each.Close()
	}
}
