package mcpgateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain fails the run when goroutines of this package are left behind.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := leftBehind(); code == 0 && left != "" {
		fmt.Println("goroutines left behind:\n" + left)
		code = 1
	}
	os.Exit(code)
}

// leftBehind gives goroutines time to end: one that is asked to ends when it is next scheduled.
func leftBehind() string {
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	for tries := 0; ; tries++ {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		var left []string
		for _, stack := range strings.Split(string(stacks), "\n\n") {
			if !strings.Contains(stack, "TestMain") && (strings.Contains(stack, "mcpgateway") || strings.Contains(stack, "net/http") || strings.Contains(stack, "workloadapi")) {
				left = append(left, stack)
			}
		}
		if len(left) == 0 || tries > 1000 {
			return strings.Join(left, "\n\n")
		}
		time.Sleep(time.Millisecond)
	}
}

// fakeClock moves when a test moves it, and by each pause that the client makes.
type fakeClock struct {
	mutex  sync.Mutex
	at     time.Time
	timers map[*fakeTimer]bool
	pauses []time.Duration
	jitter float64
	env    map[string]string
	onWait func()
}

type fakeTimer struct {
	due time.Time
	run func()
}

func newFakeClock() *fakeClock {
	return &fakeClock{at: time.Date(2026, 11, 29, 5, 0, 0, 0, time.UTC), timers: map[*fakeTimer]bool{}, env: map[string]string{}}
}

func (f *fakeClock) surroundings() surroundings {
	real := realSurroundings()
	return surroundings{
		now: f.now, random: real.random, jitter: func() float64 { return f.jitter }, getenv: func(name string) string { return f.env[name] },
		afterFunc: func(wait time.Duration, run func()) func() bool {
			f.mutex.Lock()
			defer f.mutex.Unlock()
			timer := &fakeTimer{due: f.at.Add(wait), run: run}
			f.timers[timer] = true
			return func() bool {
				f.mutex.Lock()
				defer f.mutex.Unlock()
				was := f.timers[timer]
				delete(f.timers, timer)
				return was
			}
		},
		pause: func(ctx context.Context, wait time.Duration) error {
			f.mutex.Lock()
			f.pauses = append(f.pauses, wait)
			f.mutex.Unlock()
			if f.onWait != nil {
				f.onWait()
			}
			f.advance(wait)
			return context.Cause(ctx)
		},
	}
}

func (f *fakeClock) now() time.Time {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.at
}

func (f *fakeClock) advance(by time.Duration) {
	f.mutex.Lock()
	f.at = f.at.Add(by)
	var due []func()
	for timer := range f.timers {
		if !timer.due.After(f.at) {
			due = append(due, timer.run)
			delete(f.timers, timer)
		}
	}
	f.mutex.Unlock()
	for _, run := range due {
		run()
	}
}

// seen is a request as it reached the server.
type seen struct {
	method string
	header http.Header
	body   map[string]json.RawMessage
	text   string
	rpc    string
	id     string
}

func (s seen) param(name string) string { return string(membersOf(s.body["params"])[name]) }

func (s seen) meta(name string) string {
	return string(membersOf(membersOf(s.body["params"])["_meta"])[name])
}

// server answers as a test scripts it, and keeps what it saw.
type server struct {
	*httptest.Server
	mutex    sync.Mutex
	requests []seen
	streams  []seen // what sessions listen on comes when it comes: GET, and not among the requests
}

type script func(w http.ResponseWriter, r *http.Request, s seen)

func startServer(t *testing.T, answer script) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(s.handler(answer))
	t.Cleanup(s.Close)
	return s
}

func (s *server) handler(answer script) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		was := seen{method: r.Method, header: r.Header.Clone(), text: string(text), body: membersOf(text)}
		was.rpc, was.id = stringIn(was.body, "method"), string(was.body["id"])
		s.mutex.Lock()
		if r.Method == http.MethodGet {
			s.streams = append(s.streams, was)
		} else {
			s.requests = append(s.requests, was)
		}
		s.mutex.Unlock()
		answer(w, r, was)
	})
}

func (s *server) seen() []seen {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return append([]seen(nil), s.requests...)
}

// listeners are the requests for streams of sessions.
func (s *server) listeners() []seen {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return append([]seen(nil), s.streams...)
}

// of gives the requests of one JSON-RPC method.
func (s *server) of(rpc string) []seen {
	var found []seen
	for _, was := range s.seen() {
		if was.rpc == rpc {
			found = append(found, was)
		}
	}
	return found
}

func sendJSON(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func sendResult(w http.ResponseWriter, s seen, result string) {
	sendJSON(w, http.StatusOK, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, s.id, result))
}

func says(text string) script {
	return func(w http.ResponseWriter, _ *http.Request, s seen) {
		sendResult(w, s, fmt.Sprintf(`{"content":[{"type":"text","text":%q}]}`, text))
	}
}

func startStream(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
}

func sendEvent(w http.ResponseWriter, text string) {
	_, _ = io.WriteString(w, "data: "+text+"\n\n")
	w.(http.Flusher).Flush()
}

// inOrder answers the n-th request with the n-th script; the last serves all that follow.
func inOrder(scripts ...script) script {
	var mutex sync.Mutex
	next := 0
	return func(w http.ResponseWriter, r *http.Request, s seen) {
		mutex.Lock()
		chosen := scripts[min(next, len(scripts)-1)]
		next++
		mutex.Unlock()
		chosen(w, r, s)
	}
}

const testTrace = "0af7651916cd43dd8448eb211c80319c"

// refusalText is what the gateway writes of a code, by its table.
func refusalText(code string, more string) string {
	row := codes[code]
	return fmt.Sprintf(`{"code":%q,"message":"Refused for a reason.","middleware":%q,"middleware_step":%d,"decision_id":"d-1","trace_id":%q,"remediation":"Do something else.","docs_url":"docs/error-codes.md#%s"%s}`,
		code, row.middleware, row.step, testTrace, code, more)
}

// refuses answers as the gateway does towards an MCP client of that step.
func refuses(code, more string, header ...string) script {
	return func(w http.ResponseWriter, _ *http.Request, s seen) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		row := codes[code]
		status := http.StatusOK
		if row.step <= 3 || row.step == 11 || row.step == 12 {
			status = row.status
		}
		sendJSON(w, status, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":"Refused for a reason.","data":%s}}`, s.id, row.status, refusalText(code, more)))
	}
}

func newTestClient(t *testing.T, clock *fakeClock, url string, options ...Option) *Client {
	t.Helper()
	client, err := NewClient(url, append([]Option{withSurroundings(clock.surroundings())}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func check[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func checkJSON(t *testing.T, what, got, want string) {
	t.Helper()
	var a, b bytes.Buffer
	if json.Compact(&a, []byte(got)) != nil || json.Compact(&b, []byte(want)) != nil || a.String() != b.String() {
		t.Errorf("%s: got %s, want %s", what, got, want)
	}
}
