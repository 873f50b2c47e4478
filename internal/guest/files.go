package guest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"probe/internal/guest/wire"
)

// sendJSON writes a frame whose payload is v in JSON.
func (g *Guest) sendJSON(t wire.Type, id uint32, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return g.send(t, id, b)
}

// transfer is a request that answers with Data frames, Done or Fail. Its
// fields are read after end was closed.
type transfer struct {
	data bytes.Buffer
	err  error
	end  chan struct{}
}

func newTransfer() *transfer { return &transfer{end: make(chan struct{})} }

func (t *transfer) frame(f wire.Frame) {
	switch f.Type {
	case wire.Data:
		t.data.Write(f.Payload)
		if len(f.Payload) > 0 {
			return
		}
	case wire.Fail:
		t.err = errors.New(string(f.Payload))
	}
	close(t.end)
}

func (t *transfer) down(err error) {
	t.err = err
	close(t.end)
}

// wait waits for the answer.
func (t *transfer) wait(ctx context.Context) error {
	select {
	case <-t.end:
		return t.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Put creates or replaces a file in the guest, with its folders. perm are the
// permission bits, such as 0o755 for a program. The file appears whole.
func (g *Guest) Put(ctx context.Context, name string, data []byte, perm os.FileMode) error {
	t := newTransfer()
	id, err := g.request(t)
	if err != nil {
		return err
	}
	if err := g.sendJSON(wire.Put, id, wire.FileRequest{Path: name, Mode: uint32(perm.Perm())}); err != nil {
		return err
	}
	for {
		if err := ctx.Err(); err != nil {
			if err := g.send(wire.Cancel, id, nil); err != nil {
				return err
			}
			return fmt.Errorf("put %s: %w", name, err)
		}
		n := min(len(data), wire.ChunkSize)
		if err := g.send(wire.Data, id, data[:n]); err != nil {
			return err
		}
		if n == 0 {
			break
		}
		data = data[n:]
	}
	if err := t.wait(ctx); err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	return nil
}

// PutFile copies a file of the host into the guest, with its permission bits.
func (g *Guest) PutFile(ctx context.Context, name, host string) error {
	data, err := os.ReadFile(host)
	if err != nil {
		return err
	}
	info, err := os.Stat(host)
	if err != nil {
		return err
	}
	return g.Put(ctx, name, data, info.Mode())
}

// Get returns a file of the guest. Files without a size, as in /proc and
// tracefs, are read to their end.
func (g *Guest) Get(ctx context.Context, name string) ([]byte, error) {
	t := newTransfer()
	id, err := g.request(t)
	if err != nil {
		return nil, err
	}
	if err := g.sendJSON(wire.Get, id, wire.FileRequest{Path: name}); err != nil {
		return nil, err
	}
	if err := t.wait(ctx); err != nil {
		return nil, fmt.Errorf("get %s: %w", name, err)
	}
	return t.data.Bytes(), nil
}

// Insert inserts kernel modules, with the modules they depend on. Those that
// are there already, or are built into the kernel, are no error.
func (g *Guest) Insert(ctx context.Context, names ...string) error {
	index, err := g.Kernel.modules()
	if err != nil {
		return err
	}
	mods, err := index.order(names...)
	if err != nil {
		return err
	}
	for _, m := range mods {
		at := path.Join("/usr/lib/modules", g.Kernel.Release, filepath.ToSlash(m.path))
		if err := g.Put(ctx, at, m.data, 0o644); err != nil {
			return err
		}
		t := newTransfer()
		id, err := g.request(t)
		if err != nil {
			return err
		}
		if err := g.sendJSON(wire.Load, id, wire.LoadRequest{Path: at}); err != nil {
			return err
		}
		if err := t.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}
