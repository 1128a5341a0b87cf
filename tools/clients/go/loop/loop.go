// SPDX-License-Identifier: MIT

// Package loop is the load of the Go clients: so many calls under way all the time, each answer checked.
//
// usage: freshet|grpc ADDRESS goroutines CALLS WARMUP-SECONDS SECONDS
//
// It prints the line of JSON that tools/clients/python/loop.py describes.
package loop

import (
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// What the servers hold: tools/peers/people.h.
const first, users = 1000, 1000

type worker struct {
	times    []time.Duration // of calls that ended within the window
	failures []string
}

func (w *worker) run(number, step int, begin, end time.Time, call func(id string) (string, error)) {
	for began := time.Now(); began.Before(end); began = time.Now() {
		wanted := "user-" + strconv.Itoa(first+number%users)
		number += step
		got, err := call(wanted)
		ended := time.Now()
		if err != nil {
			w.failures = append(w.failures, err.Error())
		} else if got != wanted {
			w.failures = append(w.failures, "asked for "+wanted+", got "+got)
		} else if !ended.Before(begin) && ended.Before(end) {
			w.times = append(w.times, ended.Sub(began))
		}
	}
}

// Run parses the command line and runs the load; open returns what makes a call and returns the id in the answer.
func Run(open func(address string) (func(id string) (string, error), error)) {
	calls := int(argument(3))
	call, err := open(os.Args[1])
	if err != nil {
		fail(err)
	}
	begin := time.Now().Add(time.Duration(argument(4) * float64(time.Second)))
	end := begin.Add(time.Duration(argument(5) * float64(time.Second)))
	workers := make([]worker, calls)
	var group sync.WaitGroup
	for i := range workers {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			workers[i].run(i, calls, begin, end, call)
		}(i)
	}
	time.Sleep(time.Until(begin))
	before := cpu()
	time.Sleep(time.Until(end))
	used := cpu() - before
	group.Wait()
	report(workers, argument(5), used)
}

func argument(index int) float64 {
	if len(os.Args) != 6 {
		fail(fmt.Errorf("usage: ADDRESS goroutines CALLS WARMUP-SECONDS SECONDS"))
	}
	value, err := strconv.ParseFloat(os.Args[index], 64)
	if err != nil {
		fail(err)
	}
	return value
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// cpu is the processor time of the process, in seconds.
func cpu() float64 {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

func report(workers []worker, seconds, used float64) {
	times, failures, firstError := []time.Duration{0}, 0, ""
	for _, worker := range workers {
		times = append(times, worker.times...)
		failures += len(worker.failures)
		if failures > 0 && firstError == "" {
			firstError = worker.failures[0]
		}
	}
	sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
	micros := func(index int) float64 { return float64(times[index].Nanoseconds()) / 1000 }
	_ = json.NewEncoder(os.Stdout).Encode(map[string]interface{}{
		"calls": len(times) - 1, "calls_per_s": float64(len(times)-1) / seconds, "p50_us": micros(len(times) / 2),
		"p99_us": micros(len(times) * 99 / 100), "errors": failures, "first_error": firstError, "cpu_s": used})
}
