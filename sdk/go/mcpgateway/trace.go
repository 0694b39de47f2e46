package mcpgateway

import (
	"context"
	"encoding/hex"
	"io"
	"regexp"
)

type traceKey struct{}

// ContextWithTraceparent lets the calls made with the context continue a W3C trace.
func ContextWithTraceparent(ctx context.Context, traceparent string) context.Context {
	return context.WithValue(ctx, traceKey{}, traceparent)
}

var traceShape = regexp.MustCompile(`^(?:[0-9a-e][0-9a-f]|f[0-9a-e])-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$`)

const (
	zeroTrace = "00000000000000000000000000000000"
	zeroSpan  = "0000000000000000"
)

// traceOf gives the caller's trace, or else a new one, and the id within it. A malformed one is as none (W3C Trace Context, section 3.2.2).
func (c *core) traceOf(ctx context.Context) (traceparent, traceID string) {
	said, _ := ctx.Value(traceKey{}).(string)
	if said == "" && c.config.traceparent != nil {
		said = c.config.traceparent(ctx)
	}
	if match := traceShape.FindStringSubmatch(said); match != nil && match[1] != zeroTrace && match[2] != zeroSpan {
		return said, match[1]
	}
	var random [24]byte
	_, _ = io.ReadFull(c.around.random, random[:])
	text := hex.EncodeToString(random[:])
	traceID = text[:32]
	return "00-" + traceID + "-" + text[32:] + "-01", traceID
}
