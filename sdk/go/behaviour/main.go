// Command behaviour answers the lines of the SDKs' behaviour table with the Go SDK: one JSON line in, one out.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"precinct.example/sdk/go/mcpgateway"
)

func main() {
	lines := bufio.NewReaderSize(os.Stdin, 1<<16)
	d := &driver{clients: map[string]*mcpgateway.Client{}}
	for {
		text, err := lines.ReadBytes('\n')
		if len(text) > 1 {
			d.answer(context.Background(), text)
		}
		if err != nil {
			d.close()
			return
		}
	}
}

// answer never passes over what it does not know: a case would seem to hold.
func (d *driver) answer(ctx context.Context, text []byte) {
	var line step
	var out *answer
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&line); err != nil {
		out = failed(DriverError(err.Error()))
	} else {
		restore := setEnvironment(line.Env)
		out = d.run(ctx, &line)
		restore()
	}
	out.ID = line.ID
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// setEnvironment gives what takes it back.
func setEnvironment(env map[string]string) func() {
	before := map[string]*string{}
	for name, value := range env {
		if old, ok := os.LookupEnv(name); ok {
			before[name] = &old
		} else {
			before[name] = nil
		}
		_ = os.Setenv(name, value)
	}
	return func() {
		for name, old := range before {
			if old == nil {
				_ = os.Unsetenv(name)
			} else {
				_ = os.Setenv(name, *old)
			}
		}
	}
}
