package config

import (
	"slices"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// TestSecretFiles: which files hold a secret, so that it matters who can read them.
func TestSecretFiles(t *testing.T) {
	key := token.NewMasterKey().Text()
	for name, tt := range map[string]struct {
		file string
		env  []string
		want []string
	}{
		"no secret":                   {"listen: :1\ndatabase_url: postgres://gatehouse@db/gatehouse\nsmtp_url: smtp://mail\nmail_from: a@b.example\n", nil, nil},
		"master key":                  {"master_key: " + key + "\n", nil, []string{"g.yaml"}},
		"password of the database":    {"database_url: postgres://u:hunter2@db/d\n", nil, []string{"g.yaml"}},
		"password as a parameter":     {"database_url: postgres://u@db/d?password=hunter2\n", nil, []string{"g.yaml"}},
		"password of the mails":       {"smtp_url: smtp://u:hunter2@mail\nmail_from: a@b.example\n", nil, []string{"g.yaml"}},
		"files":                       {"database_url_file: db\nsmtp_url_file: mail\nmail_from: a@b.example\n", nil, []string{"db", "mail"}},
		"files without a password":    {"database_url_file: plain\n", nil, nil},
		"key of TLS":                  {"public_url: https://a.example\ntls_cert_file: db\ntls_key_file: mail\n", nil, []string{"mail"}},
		"named by variables":          {"", []string{"GATEHOUSE_DATABASE_URL_FILE=db"}, []string{"db"}},
		"in a variable":               {"", []string{"GATEHOUSE_DATABASE_URL=postgres://u:hunter2@db/d"}, nil},
		"overridden, and still there": {"master_key: " + key + "\n", []string{"GATEHOUSE_MASTER_KEY=" + key}, []string{"g.yaml"}},
	} {
		inDir(t, map[string]string{"g.yaml": tt.file, "db": "postgres://u:hunter2@db/d", "mail": "smtp://u:hunter2@mail", "plain": "postgres://u@db/d"})
		c, err := Load("g.yaml", tt.env)
		if err != nil || !slices.Equal(c.SecretFiles, tt.want) {
			t.Errorf("%s: %q, %v; want %q", name, c.SecretFiles, err, tt.want)
		}
	}
}
