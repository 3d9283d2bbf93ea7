package main

import (
	"context"
	"io"
	"strings"
	"sync"

	"github.com/gatehouse-auth/gatehouse/internal/mail"
)

// mailMark starts each line of an e-mail, to tell it from the log.
const mailMark = "mail| "

// lockedWriter lets the log and the e-mails share one output.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// Write implements io.Writer.
func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// mail prints an e-mail and keeps it, instead of sending it.
func (l *lockedWriter) mail(keep mail.Sender) mail.Sender {
	return func(ctx context.Context, m mail.Mail) error {
		var b strings.Builder
		for line := range strings.Lines(m.String()) {
			b.WriteString(mailMark + line)
		}
		if _, err := io.WriteString(l, b.String()); err != nil {
			return err
		}
		return keep(ctx, m)
	}
}
