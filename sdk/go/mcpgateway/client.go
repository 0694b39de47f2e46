package mcpgateway

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
)

// Client calls tools through a gateway. It is safe for many goroutines.
type Client struct {
	operations
	implicit *implicitSession
}

// core is what a client and its sessions share.
type core struct {
	config   config
	around   surroundings
	url      string
	http     *http.Client
	identity *credentials
	lastID   atomic.Int64
	marks    markTable
	tasks    tasks
	closing  context.Context
	close    context.CancelFunc
}

// NewClient makes a client of the gateway at that URL; "" = PRECINCT_GATEWAY_URL, else http://localhost:9090.
//
// Its identity is the first of these: what an option gives; PRECINCT_CERT_FILE with PRECINCT_KEY_FILE (and PRECINCT_CA_FILE), PRECINCT_JWT_SVID,
// or PRECINCT_SPIFFE_ID, which is not sent beside these; an X.509-SVID of the Workload API at SPIFFE_ENDPOINT_SOCKET, for https; a JWT-SVID of it; PRECINCT_JWT_FILE, or the
// folder PRECINCT_SVID_DIR with svid.pem, svid_key.pem and bundle.pem; none. [Client.Identity] says which.
//
// A Workload API is asked here, for the client's time-out at most: NewClientContext bounds that by a context.
func NewClient(gatewayURL string, options ...Option) (*Client, error) {
	return NewClientContext(context.Background(), gatewayURL, options...)
}

// NewClientContext is [NewClient] with a context for finding the identity. The client outlives it.
func NewClientContext(ctx context.Context, gatewayURL string, options ...Option) (*Client, error) {
	settings := config{
		era: EraAuto, maxRetries: DefaultMaxRetries, backoffBase: DefaultBackoffBase, maxAnswerBytes: DefaultMaxAnswerBytes,
		clientName: "precinct-sdk-go", clientVersion: Version, call: callConfig{timeout: DefaultTimeout}, around: realSurroundings(),
	}
	for _, option := range options {
		option.applyToClient(&settings)
	}
	if err := settings.check(); err != nil {
		return nil, err
	}
	target, err := readURL(gatewayURL, settings.around.getenv)
	if err != nil {
		return nil, err
	}
	identity, err := discover(ctx, &settings, target)
	if err != nil {
		return nil, err
	}
	c := &core{config: settings, around: settings.around, url: target.String(), identity: identity}
	c.http = makeHTTPClient(&settings, target, identity)
	c.closing, c.close = context.WithCancel(context.Background())
	client := &Client{implicit: &implicitSession{core: c}}
	client.operations = operations{core: c, route: client.route}
	return client, nil
}

// route sends a request as the client's era wants it.
func (c *Client) route(ctx context.Context, q *question) (*answer, error) {
	if c.core.config.era == EraLegacy {
		return c.implicit.send(ctx, q)
	}
	return c.core.sendModern(ctx, q)
}

// Identity says where the client's identity was found, and never the credential.
func (c *Client) Identity() Identity { return c.core.identity.identity() }

// Close ends the session that the client opened by itself, if it did, lets go of the Workload API and closes idle connections. Calls under way
// go on, and so do handlers that answer a server: it waits for these, 2 s at most. Every later call, in sessions too, is a
// [*ConfigurationError]. Sessions of [Client.Session] are closed by themselves, before it.
func (c *Client) Close() error {
	c.core.close()
	c.implicit.close()
	c.core.tasks.end(c.core.around)
	c.core.identity.close()
	if c.core.config.httpClient == nil {
		c.core.http.CloseIdleConnections()
	}
	return nil
}

// String shows no credential.
func (c *Client) String() string {
	return "mcpgateway.Client(" + c.core.url + ", identity: " + string(c.Identity().Source) + ")"
}

// GoString shows no credential either.
func (c *Client) GoString() string { return c.String() }

func readURL(given string, getenv func(string) string) (*url.URL, error) {
	if given == "" {
		given = getenv("PRECINCT_GATEWAY_URL")
	}
	if given == "" {
		given = DefaultURL
	}
	// What is wrong with it is said without it: it may hold a password.
	target, err := url.Parse(given)
	if err != nil || (target.Scheme != "http" && target.Scheme != "https") || target.Hostname() == "" {
		return nil, misconfigured(nil, "the gateway's URL is none of http or https")
	}
	if target.User != nil {
		return nil, misconfigured(nil, "the gateway's URL must hold no user and no password")
	}
	if target.Fragment != "" {
		return nil, misconfigured(nil, "the gateway's URL must have no fragment")
	}
	if target.Path == "" {
		target.Path = "/"
	}
	return target, nil
}

// tasks are what goes on after a call has returned; Close waits for them, but not for ever: a handler may ask a person, or close the client itself.
type tasks struct {
	mutex sync.Mutex
	group sync.WaitGroup
	over  bool
}

// start says false when the client is closed, and nothing is begun any more.
func (t *tasks) start(run func()) bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.over {
		return false
	}
	t.group.Add(1)
	go func() {
		defer t.group.Done()
		run()
	}()
	return true
}

func (t *tasks) end(around surroundings) {
	t.mutex.Lock()
	t.over = true
	t.mutex.Unlock()
	ended, late := make(chan struct{}), make(chan struct{})
	go func() {
		t.group.Wait()
		close(ended)
	}()
	stop := around.afterFunc(farewellTime, func() { close(late) })
	defer stop()
	select {
	case <-ended:
	case <-late:
	}
}
