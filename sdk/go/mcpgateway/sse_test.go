package mcpgateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

const framed = "\xef\xbb\xbf: a comment\r\n" +
	"event: message\r\nid: 7\r\ndata: {\"a\":1}\r\n\r\n" +
	"data:{\"b\":\ndata: \"two lines\"}\nretry: 10\n\n" +
	"id: of nothing\n\n" +
	"data\n\n" +
	"data:  one blank is kept\r\r" +
	"unknown: field\ndata: last\r\ndata: of all\r\n\r\n" +
	"data: cut off"

var framedWant = []string{`{"a":1}`, "{\"b\":\n\"two lines\"}", " one blank is kept", "last\nof all"}

func eventsOf(from io.Reader) ([]string, error) {
	reader := newEventReader(from, 1000)
	var found []string
	for {
		text, err := reader.next()
		if err != nil {
			return found, err
		}
		found = append(found, string(text))
	}
}

func TestFramingWhereverItIsSplit(t *testing.T) {
	whole, err := eventsOf(strings.NewReader(framed))
	if !errors.Is(err, io.EOF) || fmt.Sprint(whole) != fmt.Sprint(framedWant) {
		t.Fatalf("whole: %q %v", whole, err)
	}
	single, _ := eventsOf(iotest.OneByteReader(strings.NewReader(framed)))
	check(t, "byte by byte", fmt.Sprint(single), fmt.Sprint(framedWant))
	for at := range len(framed) {
		split, _ := eventsOf(io.MultiReader(strings.NewReader(framed[:at]), strings.NewReader(framed[at:])))
		check(t, fmt.Sprint("split at ", at), fmt.Sprint(split), fmt.Sprint(framedWant))
	}
}

func TestAnEventIsGivenBeforeWhatFollowsItsLineEnd(t *testing.T) {
	for _, end := range []string{"\n\n", "\r\r", "\r\n\r\n", "\r\n\r"} {
		from, to := io.Pipe()
		go func() { _, _ = io.WriteString(to, "data: x"+end) }()
		text, err := newEventReader(from, 100).next()
		if string(text) != "x" || err != nil {
			t.Errorf("%q: %q %v", end, text, err)
		}
		_ = from.Close()
	}
}

func TestLongLinesAreBounded(t *testing.T) {
	for _, text := range []string{"data: " + strings.Repeat("x", 200) + "\n\n", strings.Repeat("x", 200), strings.Repeat("data: x\n", 50), strings.Repeat(":\n", 100)} {
		reader := newEventReader(strings.NewReader(text), 100)
		if _, err := reader.next(); !errors.Is(err, errTooLarge) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

func FuzzFraming(f *testing.F) {
	f.Add(framed, 3)
	f.Add("data: a\r\n\r\ndata: b\n\n", 9)
	f.Fuzz(func(t *testing.T, text string, at int) {
		whole, _ := eventsOf(strings.NewReader(text))
		if len(text) > 0 {
			at = ((at % len(text)) + len(text)) % len(text)
		} else {
			at = 0
		}
		split, _ := eventsOf(io.MultiReader(strings.NewReader(text[:at]), strings.NewReader(text[at:])))
		check(t, "split", fmt.Sprintf("%q", split), fmt.Sprintf("%q", whole))
	})
}

// streams answers with progress, a log message, progress of another call, and the result; the stream stays open for as long as the client reads.
func streams(w http.ResponseWriter, r *http.Request, was seen) {
	startStream(w)
	token := was.meta("progressToken")
	if token == "" {
		token = `"none"`
	}
	sendEvent(w, `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":`+token+`,"progress":1,"total":2,"message":"half"}}`)
	sendEvent(w, `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":999,"progress":9}}`)
	sendEvent(w, `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","logger":"l","data":{"x":1}}}`)
	sendEvent(w, `not JSON`)
	sendEvent(w, `{"jsonrpc":"2.0","id":999,"result":{}}`)
	sendEvent(w, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"done"}]}}`, was.id))
	<-r.Context().Done()
}

func TestAStreamedCall(t *testing.T) {
	s := startServer(t, streams)
	client := newTestClient(t, newFakeClock(), s.URL)
	var told []string
	for event, err := range client.StreamTool(context.Background(), "t", nil, WithProgress(func(Progress) { told = append(told, "callback") })) {
		switch {
		case err != nil:
			t.Fatal(err)
		case event.Progress != nil:
			told = append(told, fmt.Sprint(event.Progress.Progress, *event.Progress.Total, event.Progress.Message))
		case event.Log != nil:
			told = append(told, event.Log.Level+event.Log.Logger+string(event.Log.Data))
		case event.Result != nil:
			told = append(told, event.Result.Text())
		}
	}
	check(t, "events", strings.Join(told, "|"), `callback|1 2half|infol{"x":1}|done`)
	was := s.seen()[0]
	check(t, "token", was.meta("progressToken"), was.id)
	check(t, "log level", was.meta(metaLogLevel), `"debug"`)
}

func TestACallTellsProgressAndLogOnlyIfAsked(t *testing.T) {
	s := startServer(t, streams)
	client := newTestClient(t, newFakeClock(), s.URL)
	result, err := client.CallTool(context.Background(), "t", nil)
	if err != nil || result.Text() != "done" {
		t.Fatal(err)
	}
	check(t, "token", s.seen()[0].meta("progressToken"), "")
	check(t, "log level", s.seen()[0].meta(metaLogLevel), "")
	var logged, progressed int
	if _, err = client.CallTool(context.Background(), "t", nil, WithLog(func(LogMessage) { logged++ }), WithProgress(func(Progress) { progressed++ }), WithMeta(map[string]any{metaLogLevel: "error"})); err != nil {
		t.Fatal(err)
	}
	check(t, "log level of the caller's own", s.seen()[1].meta(metaLogLevel), `"error"`)
	check(t, "logged", logged, 1)
	check(t, "progressed", progressed, 1)
}

func TestLeavingTheLoopCancelsTheCall(t *testing.T) {
	ended := make(chan struct{})
	s := startServer(t, func(w http.ResponseWriter, r *http.Request, was seen) {
		startStream(w)
		progress := `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":` + was.meta("progressToken") + `,"progress":1}}`
		sendEvent(w, progress+"\n\ndata: "+progress) // the second is there when the loop is left at the first
		<-r.Context().Done()
		close(ended)
	})
	client := newTestClient(t, newFakeClock(), s.URL)
	events := 0
	for _, err := range client.StreamTool(context.Background(), "t", nil) {
		if err != nil {
			t.Fatal(err)
		}
		events++
		break
	}
	<-ended
	check(t, "events", events, 1)
}

func TestAStreamThatBreaksOffEndsWithItsError(t *testing.T) {
	s := startServer(t, func(w http.ResponseWriter, _ *http.Request, _ seen) {
		startStream(w)
		sendEvent(w, `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info"}}`)
		panic(http.ErrAbortHandler)
	})
	client := newTestClient(t, newFakeClock(), s.URL)
	var logs, faults int
	for event, err := range client.StreamTool(context.Background(), "t", nil) {
		var fault *TransportError
		switch {
		case errors.As(err, &fault) && fault.MayHaveRun && fault.HTTPStatus == 200:
			faults++
		case event.Log != nil:
			logs++
		default:
			t.Errorf("%v %v", event, err)
		}
	}
	check(t, "logs", logs, 1)
	check(t, "faults", faults, 1)
	check(t, "requests", len(s.seen()), 1)
}

func TestWrongOptionsEndAStreamBeforeItBegins(t *testing.T) {
	s := startServer(t, says(""))
	client := newTestClient(t, newFakeClock(), s.URL)
	for _, err := range client.StreamTool(context.Background(), "t", nil, WithTimeout(0)) {
		var fault *ConfigurationError
		if !errors.As(err, &fault) {
			t.Error(err)
		}
	}
	check(t, "requests", len(s.seen()), 0)
}
