package mcpgateway

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

var errTooLarge = errors.New("larger than the client accepts")

// eventReader splits a text/event-stream into the data of its events (WHATWG HTML, section 9.2.6).
type eventReader struct {
	from  *bufio.Reader
	limit int64
	first bool
	lf    bool // a line feed that follows belongs to the carriage return before it
}

func newEventReader(from io.Reader, limit int64) *eventReader {
	return &eventReader{from: bufio.NewReader(from), limit: limit, first: true}
}

// eachEvent gives events until one is what was waited for; a stream that ends before has broken off.
func eachEvent(from io.Reader, limit int64, take func([]byte) bool) error {
	events := newEventReader(from, limit)
	for {
		text, err := events.next()
		switch {
		case errors.Is(err, io.EOF):
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		case take(text):
			return nil
		}
	}
}

// next gives the data of the next event that has any; io.EOF ends the stream, and an event cut off by it is none.
func (r *eventReader) next() ([]byte, error) {
	var data []byte
	has, read := false, int64(0)
	for {
		line, err := r.line(r.limit - read)
		if err != nil {
			return nil, err
		}
		read += int64(len(line)) + 1
		if len(line) == 0 {
			if has && len(data) > 0 {
				return data, nil
			}
			data, has, read = nil, false, 0
			continue
		}
		name, value, _ := bytes.Cut(line, []byte{':'})
		if string(name) != "data" {
			continue
		}
		if has {
			data = append(data, '\n')
		}
		data, has = append(data, bytes.TrimPrefix(value, []byte{' '})...), true
	}
}

// line ends at CR, LF or CRLF; what stands behind a CR is not waited for.
func (r *eventReader) line(limit int64) ([]byte, error) {
	var line []byte
	for {
		b, err := r.from.ReadByte()
		if err != nil {
			return nil, err
		}
		if r.lf {
			r.lf = false
			if b == '\n' {
				continue
			}
		}
		if b == '\n' || b == '\r' {
			r.lf = b == '\r'
			if r.first {
				r.first = false
				line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
			}
			return line, nil
		}
		if int64(len(line)) >= limit {
			return nil, errTooLarge
		}
		line = append(line, b)
	}
}
