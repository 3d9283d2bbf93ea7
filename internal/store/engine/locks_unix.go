//go:build unix

package engine

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Where SQLite locks the file of a database: PENDING_BYTE and what follows it (https://sqlite.org/src/file/src/os.h).
const (
	firstLocked = 0x40000000
	lockedBytes = 512
)

// giveToOwnerOf gives a file to the owner of another: root restores the database of a server that does not run as root.
func giveToOwnerOf(like, path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	var owner unix.Stat_t
	if err := unix.Stat(like, &owner); err != nil {
		return err
	}
	return os.Chown(path, int(owner.Uid), int(owner.Gid))
}

// othersHave is ErrInUse when another process has the database open. It works for a damaged database too. A process has a lock from
// its first query until it closes the database.
func othersHave(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() // this ends the locks of this process on the file, and it has none
	lock := unix.Flock_t{Type: unix.F_WRLCK, Start: firstLocked, Len: lockedBytes}
	if err := unix.FcntlFlock(file.Fd(), unix.F_GETLK, &lock); err != nil {
		return err
	}
	if lock.Type != unix.F_UNLCK {
		return fmt.Errorf("%w (process %d has it open)", ErrInUse, lock.Pid)
	}
	return nil
}
