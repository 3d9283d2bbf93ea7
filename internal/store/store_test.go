package store_test

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
)

func TestSQLite(t *testing.T) {
	storetest.Run(t, storetest.Harness{URL: storetest.SQLiteURL, Fail: (*store.DB).Fail, SQL: (*store.DB).SQL})
}

func TestPostgreSQL(t *testing.T) {
	storetest.Run(t, storetest.Harness{URL: func(t testing.TB) string { return pgtest.URL(t) }, Fail: (*store.DB).Fail, SQL: (*store.DB).SQL})
}
