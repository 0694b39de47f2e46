package mcpgateway

import (
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"time"
)

// Secret is a reference to a secret that the gateway puts in, for arguments: the agent never holds the secret itself.
// It is written as $SPIKE{…} where arguments become JSON; printed or logged with package fmt or log/slog it shows nothing.
type Secret struct {
	// A function, so that no formatter that looks into foreign fields finds the reference.
	reference func() (string, error)
}

// SecretOption narrows a [SecretRef].
type SecretOption func(*secretParts)

type secretParts struct {
	ref, scope string
	expires    time.Duration
	narrowed   bool
}

// ExpiresIn ends the use of the reference that long after it was issued; whole seconds.
func ExpiresIn(after time.Duration) SecretOption {
	return func(parts *secretParts) { parts.expires, parts.narrowed = after, true }
}

// Scope narrows the reference to one scope.
func Scope(scope string) SecretOption {
	return func(parts *secretParts) { parts.scope = scope }
}

// As the gateway reads them.
var (
	refShape   = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)
	scopeShape = regexp.MustCompile(`^[^\s,{}"\\]{1,256}$`)
)

const expiresMax = 9_999_999_999 // seconds

// SecretRef makes a reference. ref is what stands behind ref: in the $SPIKE{ref:…} that agw secret issue prints, with --json its member ref. One that the gateway could not read fails the call that uses it, with a [*ConfigurationError], before anything is sent.
func SecretRef(ref string, options ...SecretOption) Secret {
	parts := secretParts{ref: ref}
	for _, option := range options {
		option(&parts)
	}
	text, err := parts.text()
	return Secret{reference: func() (string, error) { return text, err }}
}

func (p secretParts) text() (string, error) {
	if !refShape.MatchString(p.ref) {
		return "", misconfigured(nil, "a secret's reference is 1 to 128 letters, digits, dots, underscores and hyphens: of $SPIKE{ref:…} what stands behind ref:")
	}
	text := "$SPIKE{ref:" + p.ref
	if p.narrowed {
		whole := int64(p.expires / time.Second)
		if p.expires%time.Second != 0 || whole < 1 || whole > expiresMax {
			return "", misconfigured(nil, "a secret reference expires in whole seconds, 1 at least")
		}
		text += ",exp:" + strconv.FormatInt(whole, 10)
	}
	if p.scope != "" {
		if !scopeShape.MatchString(p.scope) {
			return "", misconfigured(nil, "a secret reference's scope has no blanks, commas, braces, quotes or backslashes, and 256 characters at most")
		}
		text += ",scope:" + p.scope
	}
	return text + "}", nil
}

// MarshalJSON writes the reference.
func (s Secret) MarshalJSON() ([]byte, error) {
	if s.reference == nil {
		return nil, misconfigured(nil, "an empty Secret refers to nothing: make it with SecretRef")
	}
	text, err := s.reference()
	if err != nil {
		return nil, err
	}
	return asJSON(text)
}

const secretShown = "SecretRef(…)"

// String shows that it is one, and nothing of it.
func (s Secret) String() string { return secretShown }

// GoString is what %#v shows.
func (s Secret) GoString() string { return secretShown }

// Format serves every verb alike.
func (s Secret) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte(secretShown)) }

// LogValue is what log/slog shows.
func (s Secret) LogValue() slog.Value { return slog.StringValue(secretShown) }
