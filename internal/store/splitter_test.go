package store_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
)

// newSplitter returns the URL of a proxy that ends the transaction after each statement of a batch, as other databases with PostgreSQL's
// protocol do: it adds a Sync to each Execute, and leaves out the answers to these.
func newSplitter(t *testing.T, databaseURL string) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	server := filepath.Join(query.Get("host"), ".s.PGSQL.5432")
	dir, err := os.MkdirTemp("", "splitter")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); os.RemoveAll(dir) })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go split(conn, server)
		}
	}()
	query.Set("host", dir)
	u.RawQuery = query.Encode()
	return u.String()
}

func split(client net.Conn, path string) {
	defer client.Close()
	server, err := net.Dial("unix", path)
	if err != nil {
		return
	}
	added := make(chan bool, 1000) // for each answer ReadyForQuery that is to come: whether it is to a Sync of ours
	added <- false                 // after the start
	go func() {
		defer server.Close()
		length := make([]byte, 4)
		if _, err := io.ReadFull(client, length); err != nil {
			return
		}
		server.Write(length)
		if _, err := io.CopyN(server, client, int64(binary.BigEndian.Uint32(length))-4); err != nil {
			return
		}
		for {
			kind, message, err := readMessage(client)
			if err != nil {
				return
			}
			switch kind {
			case 'S', 'Q':
				added <- false
			case 'E':
				added <- true
				message = append(message, 'S', 0, 0, 0, 4)
			}
			if _, err := server.Write(message); err != nil {
				return
			}
		}
	}()
	for {
		kind, message, err := readMessage(server)
		if err != nil {
			return
		}
		if kind == 'Z' && <-added {
			continue
		}
		if _, err := client.Write(message); err != nil {
			return
		}
	}
}

// readMessage reads one message of the protocol: its type, its length, and the rest.
func readMessage(from io.Reader) (kind byte, message []byte, err error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(from, head); err != nil {
		return 0, nil, err
	}
	message = make([]byte, 1+binary.BigEndian.Uint32(head[1:]))
	copy(message, head)
	_, err = io.ReadFull(from, message[5:])
	return head[0], message, err
}
