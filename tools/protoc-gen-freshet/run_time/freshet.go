// SPDX-License-Identifier: MIT

// Package freshet calls Freshet services: what the generated clients stand on.
//
// A Channel holds one connection to one server. It connects in the background and reconnects by itself; calls from
// many goroutines share it. A call leaves at once when nothing is under way, and calls issued meanwhile leave together
// with the next message. Deadlines and cancellation are those of the call's context.
//
// The wire is docs/protocol.md of Freshet: SP over TCP, one RequestBatch or ResponseBatch a message.
package freshet

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

const (
	maxMessageBytes    = 4 << 20  // one Request or Response with its envelope
	maxBatchBytes      = 16 << 20 // one SP message
	batchCalls         = 1024     // that leave together, at most
	batchBytes         = 1 << 20  // a call that is larger leaves alone
	lanes              = 2        // messages under way: one may be parked to collect, the other carries calls
	maxCancelled       = 4096     // ids that wait to be sent; cancelling is only a favour to the server
	maxMetadataEntries = 64
	maxMetadataBytes   = 8192
	maxDetails         = 16
	minBackoff         = 10 * time.Millisecond
	maxBackoff         = 250 * time.Millisecond
	readAtOnce         = 1 << 20 // a longer message must arrive before memory is spent on all of it
)

// ---- codes, errors, metadata ----

// Code is one of gRPC's status codes.
type Code uint32

// gRPC's status codes.
const (
	OK Code = iota
	Cancelled
	Unknown
	InvalidArgument
	DeadlineExceeded
	NotFound
	AlreadyExists
	PermissionDenied
	ResourceExhausted
	FailedPrecondition
	Aborted
	OutOfRange
	Unimplemented
	Internal
	Unavailable
	DataLoss
	Unauthenticated
)

var codeNames = [...]string{"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
	"ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
	"UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"}

func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return "UNKNOWN"
}

// Metadata travels beside a message. Keys are lower case; values of keys that end in "-bin" are any bytes.
type Metadata map[string][]string

// Get returns the first value of key, or "".
func (m Metadata) Get(key string) string {
	if values := m[key]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// Error is what every call that fails returns; errors.As finds it. errors.Is tells context.DeadlineExceeded and
// context.Canceled as well.
type Error struct {
	Code       Code
	Message    string
	Details    []*anypb.Any // what went wrong, for a program; see anypb.Any.UnmarshalNew
	Metadata   Metadata
	RetryAfter time.Duration // the server asks for this pause before another attempt; 0: it does not say
	NotSent    bool          // the server certainly never started the call
}

func (e *Error) Error() string { return e.Code.String() + ": " + e.Message }

// Is makes errors.Is find the context's errors.
func (e *Error) Is(target error) bool {
	return target == context.DeadlineExceeded && e.Code == DeadlineExceeded ||
		target == context.Canceled && e.Code == Cancelled
}

// CodeOf returns OK for nil, the code of an Error, and Unknown for any other error.
func CodeOf(err error) Code {
	var found *Error
	if err == nil {
		return OK
	}
	if errors.As(err, &found) {
		return found.Code
	}
	return Unknown
}

func failure(code Code, format string, arguments ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, arguments...)}
}

// ---- options ----

// Caller is what generated clients need of a Channel; tests may put something else in its place.
type Caller interface {
	Invoke(ctx context.Context, method string, request, response proto.Message, options ...CallOption) error
}

type callOptions struct {
	metadata Metadata
	answer   *Metadata
}

// CallOption changes one call.
type CallOption func(*callOptions)

// WithMetadata sends metadata with the request.
func WithMetadata(metadata Metadata) CallOption {
	return func(o *callOptions) { o.metadata = metadata }
}

// AnswerMetadata stores the metadata of the answer, also of an error, in *metadata.
func AnswerMetadata(metadata *Metadata) CallOption {
	return func(o *callOptions) { o.answer = metadata }
}

// Options of a Channel; the zero value has the defaults.
type Options struct {
	ConnectTimeout time.Duration // 0: 1 s. Calls wait so long for a connection, then fail until it is back
	Keepalive      time.Duration // 0: 20 s. A server that leaves a message unanswered for so long is taken for dead
	MaxWaiting     int           // 0: 65536 calls that wait for the connection or for room; more fail
}

// ---- a call ----

type callState uint8

const (
	waiting callState = iota // in Channel.waiting
	sent                     // in a message under way
	late                     // the server answers later, through collect
	done
)

// A call belongs to the Channel until it is done; then whoever made it so sets the outcome and closes ended.
type call struct {
	id             uint64
	state          callState // guarded by Channel.mu
	conn           *conn     // guarded by Channel.mu; that it was sent on
	lateNumber     uint64    // guarded by Channel.mu; which it was of the calls of conn that became late
	previous, next *call     // guarded by Channel.mu; in Channel.waiting
	deadline       time.Time
	rest           []byte // the fields of its Request behind id and timeout_us
	ended          chan struct{}
	answer         response // of the server; valid if err is nil
	err            *Error
}

// A queue of calls, linked so that any can leave it. Guarded by Channel.mu.
type queue struct {
	head, tail *call
	count      int
}

func (q *queue) append(k *call) {
	k.previous, k.next = q.tail, nil
	if q.tail == nil {
		q.head = k
	} else {
		q.tail.next = k
	}
	q.tail = k
	q.count++
}

func (q *queue) prepend(k *call) {
	k.previous, k.next = nil, q.head
	if q.head == nil {
		q.tail = k
	} else {
		q.head.previous = k
	}
	q.head = k
	q.count++
}

func (q *queue) remove(k *call) {
	if k.previous == nil {
		q.head = k.next
	} else {
		k.previous.next = k.next
	}
	if k.next == nil {
		q.tail = k.previous
	} else {
		k.next.previous = k.previous
	}
	k.previous, k.next = nil, nil
	q.count--
}

// ---- the channel ----

// Channel makes calls to one server. All its methods may be called from any goroutine.
type Channel struct {
	target  string // "tcp://host:port", for messages
	address string // "host:port"
	options Options
	stop    context.CancelFunc
	running sync.WaitGroup

	mu        sync.Mutex
	closed    bool  // guarded by mu, as all below
	current   *conn // where new calls go; nil: none
	conns     map[*conn]struct{}
	waiting   queue
	since     time.Time // when the last connection of use was lost, or the channel was made
	why       string    // there is no connection
	hopeless  *Error    // why a call need not wait for a connection; nil: it may
	lastID    uint64
	reconnect time.Duration // the bound of the next pause
	random    *rand.Rand    // its own: before Go 1.20 that of the package gives every process the same numbers
}

// NewChannel makes a channel to "tcp://host:port" or "host:port"; options may be nil. It does not wait for the
// connection. Close it when it is of no more use.
func NewChannel(target string, options *Options) (*Channel, error) {
	address := strings.TrimPrefix(target, "tcp://")
	host, port, err := net.SplitHostPort(address)
	number, bad := strconv.ParseUint(port, 10, 16)
	if err != nil || bad != nil || host == "" || number == 0 {
		return nil, failure(InvalidArgument, "%q is no address such as tcp://127.0.0.1:7001", target)
	}
	c := &Channel{target: "tcp://" + address, address: address, conns: map[*conn]struct{}{}, since: time.Now(),
		reconnect: minBackoff, random: rand.New(rand.NewSource(time.Now().UnixNano()))}
	if options != nil {
		c.options = *options
	}
	if c.options.ConnectTimeout <= 0 {
		c.options.ConnectTimeout = time.Second
	}
	if c.options.Keepalive <= 0 {
		c.options.Keepalive = 20 * time.Second
	}
	if c.options.MaxWaiting <= 0 {
		c.options.MaxWaiting = 65536
	}
	c.why = c.tooLate()
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	c.running.Add(1)
	go c.keepConnected(ctx)
	return c, nil
}

// Close ends all calls as Cancelled and waits until the channel's goroutines have ended.
func (c *Channel) Close() error {
	c.mu.Lock()
	c.closed = true
	c.hopeless = failure(Cancelled, "the channel was closed")
	c.failWaitingLocked(c.hopeless)
	for k := range c.conns {
		k.loseLocked(c.hopeless)
	}
	c.mu.Unlock()
	c.stop()
	c.running.Wait()
	return nil
}

// Invoke makes one call: method is such as "users.v1.Users/GetUser", response is overwritten. Generated clients call it.
func (c *Channel) Invoke(ctx context.Context, method string, request, response proto.Message,
	options ...CallOption) error {
	var chosen callOptions
	for _, option := range options {
		option(&chosen)
	}
	rest, err := encodeRest(method, chosen.metadata, request)
	if err != nil {
		return err
	}
	k := &call{rest: rest, ended: make(chan struct{})}
	k.deadline, _ = ctx.Deadline()
	if err := c.start(ctx, k); err != nil {
		return err
	}
	select {
	case <-k.ended:
	case <-ctx.Done():
		c.giveUp(k, ctx.Err())
		<-k.ended
	}
	if k.err != nil {
		own := *k.err // calls that ended together share it
		return &own
	}
	return k.answer.finish(response, chosen.answer)
}

// start queues k, unless it must end at once.
func (c *Channel) start(ctx context.Context, k *call) error {
	if err := ctx.Err(); err != nil {
		return contextError(err, true)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.current == nil && c.hopeless != nil {
		return c.hopeless.copyUnsent()
	}
	if c.waiting.count >= c.options.MaxWaiting {
		return failure(ResourceExhausted, "%d calls wait for %s already", c.waiting.count, c.target).copyUnsent()
	}
	c.waiting.append(k)
	if c.current != nil {
		c.current.wake()
	}
	return nil
}

func (e *Error) copyUnsent() *Error {
	unsent := *e
	unsent.NotSent = true
	return &unsent
}

func contextError(cause error, notSent bool) *Error {
	err := &Error{Code: Cancelled, Message: "the call was cancelled", NotSent: notSent}
	if cause == context.DeadlineExceeded {
		err.Code, err.Message = DeadlineExceeded, "no answer in time"
	}
	return err
}

// giveUp ends k because of its context, unless it has ended.
func (c *Channel) giveUp(k *call, cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k.state == done {
		return
	}
	unsent := k.state == waiting
	if !unsent && cause == context.Canceled && len(k.conn.cancelled) < maxCancelled {
		k.conn.cancelled = append(k.conn.cancelled, k.id)
		k.conn.wake()
	}
	c.detachLocked(k)
	k.err = contextError(cause, unsent)
	close(k.ended)
}

// detachLocked takes k out of wherever it is; the caller sets the outcome and closes ended.
func (c *Channel) detachLocked(k *call) {
	switch k.state {
	case waiting:
		c.waiting.remove(k)
	case late:
		k.conn.late--
		delete(k.conn.calls, k.id)
	case sent:
		delete(k.conn.calls, k.id)
	}
	k.state = done
}

func (c *Channel) failLocked(k *call, err *Error) {
	c.detachLocked(k)
	k.err = err
	close(k.ended)
}

func (c *Channel) failWaitingLocked(err *Error) {
	for c.waiting.head != nil {
		c.failLocked(c.waiting.head, err.copyUnsent())
	}
}

// ---- connecting ----

// keepConnected makes one connection after the other until the channel is closed.
func (c *Channel) keepConnected(ctx context.Context) {
	defer c.running.Done()
	for ctx.Err() == nil {
		stream, definite, err := c.dial(ctx)
		if err == nil {
			if k := c.adopt(stream); k != nil {
				<-k.left
			}
		} else {
			c.dialFailed(err, definite)
		}
		select {
		case <-time.After(c.pause()):
		case <-ctx.Done():
		}
		c.checkWindow()
	}
}

// windowLocked is when calls no longer wait for a connection.
func (c *Channel) windowLocked() time.Time { return c.since.Add(c.options.ConnectTimeout) }

// dial connects and shakes hands. An error is definite if waiting would not help.
func (c *Channel) dial(ctx context.Context) (stream net.Conn, definite bool, err error) {
	c.mu.Lock()
	until := c.windowLocked()
	c.mu.Unlock()
	if now := time.Now(); !until.After(now) {
		until = now.Add(c.options.ConnectTimeout)
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	var dialer net.Dialer
	stream, err = dialer.DialContext(ctx, "tcp", c.address)
	if err != nil {
		return nil, ctx.Err() == nil, err
	}
	if err := shakeHands(ctx, stream); err != nil {
		stream.Close()
		return nil, false, err
	}
	return stream, false, nil
}

// shakeHands sends the eight bytes of a REQ and wants those of a REP, until ctx ends.
func shakeHands(ctx context.Context, stream net.Conn) error {
	finished, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-ctx.Done():
			stream.SetDeadline(time.Unix(1, 0))
		case <-finished:
		}
	}()
	var hello [8]byte
	_, err := stream.Write([]byte{0, 'S', 'P', 0, 0, 0x30, 0, 0})
	if err == nil {
		_, err = io.ReadFull(stream, hello[:])
	}
	close(finished)
	<-stopped
	if err != nil {
		return err
	}
	if hello != [8]byte{0, 'S', 'P', 0, 0, 0x31, 0, 0} {
		return errors.New("it is no SP reply socket")
	}
	return stream.SetDeadline(time.Time{})
}

func (c *Channel) tooLate() string {
	return "no connection within " + c.options.ConnectTimeout.String()
}

func (c *Channel) dialFailed(cause error, definite bool) {
	var number syscall.Errno
	var operation *net.OpError
	var timeout net.Error
	text := cause.Error()
	if errors.As(cause, &timeout) && timeout.Timeout() {
		text = c.tooLate()
	} else if errors.As(cause, &number) {
		text = number.Error()
	} else if errors.As(cause, &operation) {
		text = operation.Err.Error()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.why = text
	if definite {
		c.giveUpHopeLocked()
	}
}

// checkWindow ends the wait for a connection when its time is over.
func (c *Channel) checkWindow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == nil && !time.Now().Before(c.windowLocked()) {
		c.giveUpHopeLocked()
	}
}

func (c *Channel) giveUpHopeLocked() {
	if !c.closed {
		c.hopeless = failure(Unavailable, "cannot connect to %s: %s", c.target, c.why)
		c.failWaitingLocked(c.hopeless)
	}
}

// pause is a random part of a bound that doubles, so that many clients do not come back together; not longer than
// calls wait.
func (c *Channel) pause() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	pause := time.Millisecond + time.Duration(c.random.Int63n(int64(c.reconnect)))
	if c.reconnect *= 2; c.reconnect > maxBackoff {
		c.reconnect = maxBackoff
	}
	if left := time.Until(c.windowLocked()); left > 0 && left < pause {
		pause = left
	}
	return pause
}

// adopt makes a new connection the current one; nil: the channel was closed.
func (c *Channel) adopt(stream net.Conn) *conn {
	k := &conn{channel: c, stream: stream, began: time.Now(), calls: map[uint64]*call{}, kick: make(chan struct{}, 1),
		left: make(chan struct{}), gone: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		stream.Close()
		return nil
	}
	for k.session == 0 {
		k.session = c.random.Uint64()
	}
	c.current, c.hopeless = k, nil
	c.conns[k] = struct{}{}
	c.running.Add(3)
	go k.read()
	go k.write()
	go k.watch()
	k.wake()
	return k
}

// ---- a connection ----

type message struct {
	id      uint32
	calls   []sentCall
	collect bool
	since   time.Time

	lateCount uint64 // of the connection when it was sent
}

type sentCall struct {
	call *call
	id   uint64 // a call that is sent again gets another
}

// A conn lives until it breaks; a draining one beside its successor.
type conn struct {
	channel *Channel
	stream  net.Conn
	session uint64
	began   time.Time
	kick    chan struct{} // there may be something to send
	left    chan struct{} // closed when new calls must go elsewhere
	gone    chan struct{} // closed when it is lost

	// Guarded by channel.mu.
	lastID    uint32
	lanes     [lanes]*message
	calls     map[uint64]*call // sent and late ones
	late      int
	lateCount uint64 // calls that have become late so far
	cancelled []uint64
	useful    bool // it has answered without draining
	draining  bool
	lost      bool
}

func (k *conn) wake() {
	select {
	case k.kick <- struct{}{}:
	default:
	}
}

// lose ends the connection and its calls, which are in doubt.
func (k *conn) lose(format string, arguments ...any) {
	k.channel.mu.Lock()
	defer k.channel.mu.Unlock()
	k.loseLocked(failure(Unavailable, format, arguments...))
}

func (k *conn) loseLocked(err *Error) {
	c := k.channel
	if k.lost {
		return
	}
	k.lost = true
	k.stream.Close()
	close(k.gone)
	for _, call := range k.calls {
		c.failLocked(call, err)
	}
	delete(c.conns, k)
	k.leaveLocked(c.tooLate())
}

// leaveLocked sends new calls elsewhere. Waiting begins anew only after a connection that was of use, so that calls do
// not wait for ever on a server that takes connections and serves none.
func (k *conn) leaveLocked(why string) {
	c := k.channel
	if c.current != k {
		return
	}
	c.current, c.why = nil, why
	if k.useful || time.Since(k.began) > c.options.ConnectTimeout {
		c.since, c.reconnect = time.Now(), minBackoff
	}
	close(k.left)
}

// watch takes a server for dead that leaves a message unanswered for too long.
func (k *conn) watch() {
	keepalive := k.channel.options.Keepalive
	ticker := time.NewTicker(keepalive/4 + 1)
	defer k.channel.running.Done()
	defer ticker.Stop()
	for {
		select {
		case <-k.gone:
			return
		case <-ticker.C:
		}
		k.channel.mu.Lock()
		for _, m := range k.lanes {
			if m != nil && time.Since(m.since) >= keepalive {
				k.loseLocked(failure(Unavailable, "%s did not answer for %v", k.channel.target, keepalive))
			}
		}
		k.channel.mu.Unlock()
	}
}

// ---- sending ----

func (k *conn) write() {
	defer k.channel.running.Done()
	var out []byte
	for {
		select {
		case <-k.gone:
			return
		case <-k.kick:
		}
		// Whoever is about to call, such as those that have just been answered, comes along.
		runtime.Gosched()
		for {
			k.channel.mu.Lock()
			m, cancelled := k.loadLocked()
			k.channel.mu.Unlock()
			if m == nil {
				break
			}
			out = k.encode(out[:0], m, cancelled)
			if _, err := k.stream.Write(out); err != nil {
				k.lose("the connection to %s broke before the answer", k.channel.target)
				return
			}
			if cap(out) > maxMessageBytes {
				out = nil
			}
		}
	}
}

// loadLocked fills an idle lane with what is to be sent; nil when there is nothing, or no lane.
func (k *conn) loadLocked() (*message, []uint64) {
	c, idle, collecting := k.channel, -1, false
	for i := lanes - 1; i >= 0; i-- {
		if k.lanes[i] == nil {
			idle = i
		} else {
			collecting = collecting || k.lanes[i].collect
		}
	}
	calls := c.current == k && c.waiting.count > 0
	if idle < 0 || k.lost || !(calls || k.late > 0 && !collecting || len(k.cancelled) > 0) {
		return nil, nil
	}
	k.lastID++
	m := &message{id: k.lastID | 1<<31, collect: !collecting, since: time.Now(), lateCount: k.lateCount}
	if calls {
		k.takeLocked(m)
	}
	cancelled := k.cancelled
	k.cancelled = nil
	k.lanes[idle] = m
	return m, cancelled
}

// takeLocked gives waiting calls to m, the oldest first, as far as they fit.
func (k *conn) takeLocked(m *message) {
	c, bytes := k.channel, 0
	for call := c.waiting.head; call != nil && len(m.calls) < batchCalls; call = c.waiting.head {
		if bytes += len(call.rest); bytes > batchBytes && len(m.calls) > 0 {
			return
		}
		c.waiting.remove(call)
		c.lastID++
		call.id, call.state, call.conn = c.lastID, sent, k
		k.calls[call.id] = call
		m.calls = append(m.calls, sentCall{call, call.id})
	}
}

func appendRequest(out []byte, id uint64, deadline, now time.Time, rest []byte) []byte {
	var timeout uint64
	if !deadline.IsZero() {
		timeout = 1
		if left := deadline.Sub(now); left > time.Microsecond {
			timeout = uint64(left / time.Microsecond)
		}
	}
	size := 1 + protowire.SizeVarint(id) + len(rest)
	if timeout > 0 {
		size += 1 + protowire.SizeVarint(timeout)
	}
	out = protowire.AppendTag(out, 1, protowire.BytesType)
	out = protowire.AppendVarint(out, uint64(size))
	out = protowire.AppendTag(out, 1, protowire.VarintType)
	out = protowire.AppendVarint(out, id)
	if timeout > 0 {
		out = protowire.AppendTag(out, 3, protowire.VarintType)
		out = protowire.AppendVarint(out, timeout)
	}
	return append(out, rest...)
}

// encode appends the SP message of m: length, request id, RequestBatch.
func (k *conn) encode(out []byte, m *message, cancelled []uint64) []byte {
	out = append(out, 0, 0, 0, 0, 0, 0, 0, 0)
	out = binary.BigEndian.AppendUint32(out, m.id)
	for _, sent := range m.calls {
		out = appendRequest(out, sent.id, sent.call.deadline, m.since, sent.call.rest)
	}
	out = protowire.AppendTag(out, 2, protowire.Fixed64Type)
	out = protowire.AppendFixed64(out, k.session)
	if m.collect {
		out = protowire.AppendTag(out, 3, protowire.VarintType)
		out = protowire.AppendVarint(out, 1)
	}
	for _, id := range cancelled {
		out = protowire.AppendTag(out, 4, protowire.VarintType)
		out = protowire.AppendVarint(out, id)
	}
	binary.BigEndian.PutUint64(out, uint64(len(out)-8))
	return out
}

// encodeRest encodes what a Request holds behind its id and its timeout.
func encodeRest(method string, metadata Metadata, request proto.Message) ([]byte, error) {
	metadataBytes, err := checkMetadata(metadata)
	if err != nil {
		return nil, err
	}
	size := proto.Size(request)
	const overhead = 64 // tags, lengths, the id and the timeout
	whole := overhead + len(method) + metadataBytes + size
	if whole > maxMessageBytes {
		err := failure(ResourceExhausted, "the request has %d bytes; %d are allowed", whole, maxMessageBytes)
		return nil, err.copyUnsent()
	}
	rest := make([]byte, 0, whole)
	rest = protowire.AppendTag(rest, 2, protowire.BytesType)
	rest = protowire.AppendString(rest, method)
	for key, values := range metadata {
		for _, value := range values {
			rest = protowire.AppendTag(rest, 4, protowire.BytesType)
			rest = protowire.AppendVarint(rest, uint64(2+protowire.SizeBytes(len(key))+protowire.SizeBytes(len(value))))
			rest = protowire.AppendTag(rest, 1, protowire.BytesType)
			rest = protowire.AppendString(rest, key)
			rest = protowire.AppendTag(rest, 2, protowire.BytesType)
			rest = protowire.AppendString(rest, value)
		}
	}
	rest = protowire.AppendTag(rest, 15, protowire.BytesType)
	rest = protowire.AppendVarint(rest, uint64(size))
	before := len(rest)
	rest, failed := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(rest, request)
	if failed != nil {
		return nil, failure(Internal, "the request cannot be encoded: %v", failed).copyUnsent()
	}
	if len(rest)-before != size {
		return nil, failure(Internal, "the request was changed while it was encoded").copyUnsent()
	}
	return rest, nil
}

// checkMetadata returns how many bytes its entries take, at most.
func checkMetadata(metadata Metadata) (int, error) {
	count, bytes := 0, 0
	for key, values := range metadata {
		binary := strings.HasSuffix(key, "-bin")
		if key == "" || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
			return 0, failure(InvalidArgument, "the metadata key %q is not lower case letters, digits, '-', '_' and '.'",
				key).copyUnsent()
		}
		for _, value := range values {
			notPrintable := func(c rune) bool { return c < ' ' || c > '~' }
			if !binary && strings.IndexFunc(value, notPrintable) >= 0 {
				return 0, failure(InvalidArgument, "the metadata %s is not printable ASCII; bytes need a key in -bin",
					key).copyUnsent()
			}
			count++
			bytes += len(key) + len(value)
		}
	}
	if count > maxMetadataEntries || bytes > maxMetadataBytes {
		return 0, failure(ResourceExhausted, "the metadata has %d entries and %d bytes; %d and %d are allowed", count,
			bytes, maxMetadataEntries, maxMetadataBytes).copyUnsent()
	}
	return bytes + 16*count, nil
}

// ---- receiving ----

func (k *conn) read() {
	defer k.channel.running.Done()
	in := bufio.NewReaderSize(k.stream, 64<<10)
	for {
		id, body, err := readMessage(in)
		if err != nil {
			k.lose("the connection to %s broke before the answer: %v", k.channel.target, err)
			return
		}
		k.handle(id, body)
	}
}

func readMessage(in *bufio.Reader) (id uint32, body []byte, err error) {
	var head [8]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, nil, err
	}
	size := binary.BigEndian.Uint64(head[:])
	if size < 4 || size > maxBatchBytes {
		return 0, nil, fmt.Errorf("a message of %d bytes", size)
	}
	if _, err := io.ReadFull(in, head[:4]); err != nil {
		return 0, nil, err
	}
	size -= 4
	if size <= readAtOnce {
		body = make([]byte, size)
		_, err = io.ReadFull(in, body)
	} else {
		var arrived bytes.Buffer
		_, err = io.CopyN(&arrived, in, int64(size))
		body = arrived.Bytes()
	}
	return binary.BigEndian.Uint32(head[:4]), body, err
}

// handle does what the reply to message id says.
func (k *conn) handle(id uint32, body []byte) {
	batch, err := decodeBatch(body)
	c := k.channel
	var ended []*call
	c.mu.Lock()
	lane := k.laneLocked(id)
	if lane < 0 {
		c.mu.Unlock()
		return
	}
	if err != nil {
		ended = k.endUnmentionedLocked(k.lanes[lane], failure(Internal, "the server's answer is malformed: %v", err), nil)
	} else {
		ended = k.applyLocked(k.lanes[lane], batch)
	}
	c.mu.Unlock()
	for _, call := range ended {
		close(call.ended)
	}
	// Only now, so that what those calls bring about leaves together.
	c.mu.Lock()
	k.lanes[lane] = nil
	if k.draining && len(k.calls) == 0 && k.lanes == [lanes]*message{} {
		k.loseLocked(failure(Unavailable, "%s is shutting down", c.target))
	}
	k.wake()
	c.mu.Unlock()
}

func (k *conn) laneLocked(id uint32) int {
	for i, m := range k.lanes {
		if m != nil && m.id == id && !k.lost {
			return i
		}
	}
	return -1
}

// applyLocked returns the calls that it ended; whose ended is still to be closed.
func (k *conn) applyLocked(m *message, b *batch) []*call {
	c := k.channel
	ended := make([]*call, 0, len(b.responses))
	for i := range b.responses {
		if call := k.calls[b.responses[i].id]; call != nil {
			c.detachLocked(call)
			call.answer = b.responses[i]
			ended = append(ended, call)
		}
	}
	for _, id := range b.pending {
		if call := k.calls[id]; call != nil && call.state == sent {
			call.state = late
			k.late++
			k.lateCount++
			call.lateNumber = k.lateCount
		}
	}
	if b.draining {
		k.drainLocked(m)
	} else {
		k.useful, c.reconnect = true, minBackoff
	}
	unmentioned := failure(Internal, "the server's answer does not mention this call")
	if len(b.responses) == 1 && b.responses[0].id == 0 {
		unmentioned = b.responses[0].refusal()
	}
	ended = k.endUnmentionedLocked(m, unmentioned, ended)
	if m.collect && len(b.responses) == 0 && len(b.pending) == 0 && !b.draining && k.aloneLocked(m) {
		// The server knew of no open call when it was asked; or we would ask it again and again. Other answers can
		// have overtaken this one, so what became late since may be newer.
		for _, call := range k.calls {
			if call.state == late && call.lateNumber <= m.lateCount {
				c.detachLocked(call)
				call.err = failure(Unavailable, "the server no longer knows the call")
				ended = append(ended, call)
			}
		}
	}
	return ended
}

// drainLocked sends new calls, and those of m that were not started, elsewhere.
func (k *conn) drainLocked(m *message) {
	c := k.channel
	k.draining = true
	k.leaveLocked("it is shutting down")
	for i := len(m.calls) - 1; i >= 0; i-- {
		if call := m.calls[i].call; call.state == sent && call.conn == k {
			delete(k.calls, call.id)
			call.state, call.conn = waiting, nil
			c.waiting.prepend(call)
		}
	}
	if c.current != nil {
		c.current.wake()
	} else if c.hopeless != nil {
		c.failWaitingLocked(c.hopeless)
	}
}

func (k *conn) endUnmentionedLocked(m *message, err *Error, ended []*call) []*call {
	for _, entry := range m.calls {
		if call := entry.call; call.state == sent && call.conn == k {
			k.channel.detachLocked(call)
			call.err = err
			ended = append(ended, call)
		}
	}
	return ended
}

func (k *conn) aloneLocked(m *message) bool {
	for _, other := range k.lanes {
		if other != nil && other != m {
			return false
		}
	}
	return true
}

// ---- decoding ----

type batch struct {
	responses []response
	pending   []uint64
	draining  bool
}

// A response borrows the message that it came in.
type response struct {
	id, code, retryAfterUs uint64
	message, payload, raw  []byte
	more                   bool // raw has metadata or details
}

var errTruncated = errors.New("a field is cut short or has another type")

// fields calls take for each field of an encoded message: with the number of a varint, or bytes that are not nil. Fields
// of other types, of which the envelope reads none, have the field number 0.
func fields(encoded []byte, take func(field protowire.Number, number uint64, bytes []byte) error) error {
	for len(encoded) > 0 {
		field, kind, size := protowire.ConsumeTag(encoded)
		if size < 0 {
			return errTruncated
		}
		encoded = encoded[size:]
		var number uint64
		var bytes []byte
		switch kind {
		case protowire.VarintType:
			number, size = protowire.ConsumeVarint(encoded)
		case protowire.BytesType:
			bytes, size = protowire.ConsumeBytes(encoded)
			if bytes == nil {
				bytes = encoded[:0]
			}
		default:
			size = protowire.ConsumeFieldValue(field, kind, encoded)
			field = 0
		}
		if size < 0 {
			return errTruncated
		}
		encoded = encoded[size:]
		if err := take(field, number, bytes); err != nil {
			return err
		}
	}
	return nil
}

func decodeBatch(encoded []byte) (*batch, error) {
	var b batch
	err := fields(encoded, func(field protowire.Number, number uint64, bytes []byte) error {
		switch {
		case field == 1 && bytes != nil:
			r, err := decodeResponse(bytes)
			b.responses = append(b.responses, r)
			return err
		case field == 2 && bytes == nil:
			b.pending = append(b.pending, number)
		case field == 2:
			for len(bytes) > 0 {
				id, size := protowire.ConsumeVarint(bytes)
				if size < 0 {
					return errTruncated
				}
				b.pending, bytes = append(b.pending, id), bytes[size:]
			}
		case field == 3 && bytes == nil:
			b.draining = number != 0
		}
		return nil
	})
	return &b, err
}

func decodeResponse(encoded []byte) (response, error) {
	r := response{raw: encoded}
	err := fields(encoded, func(field protowire.Number, number uint64, bytes []byte) error {
		switch {
		case field == 1 && bytes == nil:
			r.id = number
		case field == 2 && bytes == nil:
			r.code = number
		case field == 3 && bytes != nil:
			r.message = bytes
		case (field == 4 || field == 5) && bytes != nil:
			r.more = true
		case field == 6 && bytes == nil:
			r.retryAfterUs = number
		case field == 15 && bytes != nil:
			r.payload = bytes
		}
		return nil
	})
	return r, err
}

// decodeMore reads the metadata and the details.
func (r *response) decodeMore() (metadata Metadata, details []*anypb.Any, err error) {
	metadata = Metadata{}
	if !r.more {
		return metadata, nil, nil
	}
	err = fields(r.raw, func(field protowire.Number, _ uint64, encoded []byte) error {
		if field == 4 && encoded != nil {
			var key, value string
			err := fields(encoded, func(field protowire.Number, _ uint64, bytes []byte) error {
				switch field {
				case 1:
					key = string(bytes)
				case 2:
					value = string(bytes)
				}
				return nil
			})
			metadata[key] = append(metadata[key], value)
			return err
		}
		if field == 5 && encoded != nil && len(details) < maxDetails {
			detail := new(anypb.Any)
			details = append(details, detail)
			return proto.Unmarshal(encoded, detail)
		}
		return nil
	})
	return metadata, details, err
}

func (r *response) failure(metadata Metadata, details []*anypb.Any) *Error {
	code := Code(r.code)
	if r.code >= uint64(len(codeNames)) {
		code = Unknown
	}
	after := r.retryAfterUs
	if longest := uint64(365 * 24 * time.Hour / time.Microsecond); after > longest {
		after = longest
	}
	return &Error{Code: code, Message: strings.ToValidUTF8(string(r.message), "\uFFFD"), Details: details,
		Metadata: metadata, RetryAfter: time.Duration(after) * time.Microsecond}
}

// refusal is what a response with id 0 says of all calls of its message.
func (r *response) refusal() *Error {
	metadata, details, _ := r.decodeMore()
	err := r.failure(metadata, details)
	err.NotSent = true
	if err.Code == OK {
		err.Code = Internal
	}
	return err
}

// finish decodes the answer in the caller's own goroutine.
func (r *response) finish(message proto.Message, answer *Metadata) error {
	metadata, details, err := Metadata(nil), []*anypb.Any(nil), error(nil)
	if answer != nil || r.code != 0 {
		metadata, details, err = r.decodeMore()
	}
	if answer != nil {
		*answer = metadata
	}
	if err != nil {
		return failure(Internal, "the server's answer is malformed: %v", err)
	}
	if len(r.raw) > maxMessageBytes {
		return failure(ResourceExhausted, "the answer has %d bytes; %d are allowed", len(r.raw), maxMessageBytes)
	}
	if r.code != 0 {
		return r.failure(metadata, details)
	}
	if err := proto.Unmarshal(r.payload, message); err != nil {
		return failure(Internal, "the answer cannot be decoded: %v", err)
	}
	return nil
}
