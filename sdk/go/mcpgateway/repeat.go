package mcpgateway

import (
	"context"
	"errors"
	"net/http"
	"time"
)

const (
	pauseMax             = time.Minute
	approvalPauseDefault = 5 * time.Second
	approvalPauseMin     = 100 * time.Millisecond // a person is not asked for in a hot loop
	approvalCode         = "stepup_approval_required"
	lastStepBeforeTools  = 12
)

// do asks one question until it is answered: it repeats what the gateway refused before anything ran, and waits for a person where the caller wants that.
func (o operations) do(ctx context.Context, method string, params any, settings callConfig) (*answer, error) {
	q, err := o.core.newQuestion(ctx, method, params, settings)
	if err != nil {
		return nil, err
	}
	if settings.waitForApproval == 0 {
		return o.withRetries(ctx, q)
	}
	return o.untilDecided(ctx, q)
}

func (o operations) untilDecided(ctx context.Context, q *question) (*answer, error) {
	until := o.core.around.now().Add(q.settings.waitForApproval)
	opened := ""
	for {
		a, err := o.withRetries(ctx, q)
		var refusal *StepUpError
		if !errors.As(err, &refusal) || refusal.Code != approvalCode {
			return a, err
		}
		asked := approvalOf(refusal)
		if asked.RequestID == "" || (opened != "" && asked.RequestID != opened) {
			return nil, err // another request's id: the one that was waited for ended undecided
		}
		if opened == "" && q.settings.onApproval != nil {
			q.settings.onApproval(asked)
		}
		opened = asked.RequestID
		left := until.Sub(o.core.around.now())
		if left <= 0 {
			return nil, &ApprovalTimeoutError{StepUpError: refusal, RequestID: asked.RequestID, Command: asked.Command}
		}
		pause := max(orElse(refusal.RetryAfter, approvalPauseDefault), approvalPauseMin)
		if o.core.around.pause(ctx, min(pause, pauseMax, left)) != nil {
			return nil, ended(ctx, false, q.traceID)
		}
	}
}

func approvalOf(refusal *StepUpError) ApprovalRequest {
	id, _ := refusal.Details["request_id"].(string)
	command, _ := refusal.Details["command"].(string)
	expires, _ := refusal.Details["expires_at"].(string)
	return ApprovalRequest{RequestID: id, Command: command, ExpiresAt: expires}
}

func (o operations) withRetries(ctx context.Context, q *question) (*answer, error) {
	around := o.core.around
	until := around.now().Add(q.settings.timeout)
	ctx, cancel := around.within(ctx, q.settings.timeout)
	defer cancel()
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(until) {
		until = deadline
	}
	ran := false // an earlier attempt may have: that a later one has not is no comfort
	for attempt := 0; ; attempt++ {
		a, err := o.mirrored(ctx, q)
		ran = mayHaveRun(err, ran)
		if err == nil || attempt >= o.core.config.maxRetries {
			return a, err
		}
		least, ok := repeatable(err, q.settings.idempotent)
		if !ok {
			return nil, err
		}
		pause := min(max(least, o.core.backoff(attempt)), pauseMax)
		if pause >= until.Sub(around.now()) {
			return nil, err // what the gateway said is worth more than a time-out
		}
		if around.pause(ctx, pause) != nil {
			return nil, ended(ctx, ran, q.traceID)
		}
	}
}

func (o operations) once(ctx context.Context, q *question) (*answer, error) { return o.route(ctx, q) }

func (c *core) backoff(attempt int) time.Duration {
	longest := c.config.backoffBase
	for range attempt {
		longest = min(2*longest, pauseMax)
	}
	return time.Duration(c.around.jitter() * float64(min(longest, pauseMax)))
}

// repeatable says whether the same question may be asked again, and after how long at least.
func repeatable(err error, idempotent bool) (least time.Duration, ok bool) {
	var refusal *GatewayError
	if errors.As(err, &refusal) {
		return orElse(refusal.RetryAfter, 0), isBusy(refusal.tableStatus()) && refusal.Step != stepUnknown && refusal.Step <= lastStepBeforeTools
	}
	var fault *TransportError
	if idempotent && errors.As(err, &fault) {
		return orElse(fault.RetryAfter, 0), fault.lost || isBusy(fault.HTTPStatus)
	}
	return 0, false
}

func isBusy(status int) bool {
	return status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests
}

// mirrored sends, and once more after looking up which arguments travel in headers, if that is what was wrong: such a call has not run.
func (o operations) mirrored(ctx context.Context, q *question) (*answer, error) {
	a, err := o.route(ctx, q)
	if q.method != "tools/call" || !isHeaderMismatch(err) {
		return a, err
	}
	if _, listErr := o.ListTools(ctx, WithTimeout(q.settings.timeout)); listErr != nil {
		return nil, err
	}
	return o.route(ctx, q)
}

func isHeaderMismatch(err error) bool {
	var refusal *GatewayError
	if errors.As(err, &refusal) {
		return refusal.RPCCode == rpcHeaderMismatch
	}
	var foreign *ProtocolError
	return errors.As(err, &foreign) && foreign.RPCCode == rpcHeaderMismatch
}
