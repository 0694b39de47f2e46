package mcpgateway

import (
	"context"
	"crypto/rand"
	"io"
	mathrand "math/rand/v2"
	"os"
	"time"
)

// surroundings are clock, chance and environment: a test passes its own.
type surroundings struct {
	now       func() time.Time
	afterFunc func(time.Duration, func()) (stop func() bool)
	pause     func(context.Context, time.Duration) error // early, with the context's cause, when that is done
	random    io.Reader
	jitter    func() float64 // in [0, 1)
	getenv    func(string) string
}

func realSurroundings() surroundings {
	return surroundings{
		now:       time.Now,
		afterFunc: func(wait time.Duration, run func()) func() bool { return time.AfterFunc(wait, run).Stop },
		pause:     pause,
		random:    rand.Reader,
		jitter:    mathrand.Float64,
		getenv:    os.Getenv,
	}
}

// within is context.WithTimeout of this clock; the cause is context.DeadlineExceeded.
func (s surroundings) within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := s.afterFunc(limit, func() { cancel(context.DeadlineExceeded) })
	return ctx, func() {
		stop()
		cancel(context.Canceled)
	}
}

func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
