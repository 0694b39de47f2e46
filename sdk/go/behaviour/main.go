// Command behaviour answers the lines of the SDKs' behaviour table with the Go SDK: one JSON line in, one out.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"precinct.example/sdk/go/mcpgateway"
)

const lineBytesMax = 64 << 20

func main() {
	lines := bufio.NewReaderSize(os.Stdin, 1<<16)
	d := &driver{clients: map[string]*mcpgateway.Client{}}
	for {
		text, err := lines.ReadBytes('\n')
		if len(text) > 1 && len(text) < lineBytesMax {
			if fault := d.answer(context.Background(), text); fault != nil {
				fmt.Fprintln(os.Stderr, fault)
				os.Exit(1)
			}
		}
		if err != nil {
			d.close()
			return
		}
	}
}

func (d *driver) answer(ctx context.Context, text []byte) error {
	var line step
	if err := json.Unmarshal(text, &line); err != nil {
		return err
	}
	restore := setEnvironment(line.Env)
	out := d.run(ctx, &line)
	restore()
	out.ID = line.ID
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(out)
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
