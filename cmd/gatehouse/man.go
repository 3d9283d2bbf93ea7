package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newManCommand is for packagers.
func newManCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages into a directory",
		Long: `Writes a manual page for every command into a directory. The directory is
created if it does not exist.`,
		Hidden: true,
		Args:   takes("DIR"),
		RunE: e.start(func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("create the directory for the manual pages: %w", err)
			}
			header := &doc.GenManHeader{Section: "1", Source: "Gatehouse", Manual: "Gatehouse Manual"}
			if err := doc.GenManTree(cmd.Root(), header, args[0]); err != nil {
				return fmt.Errorf("write the manual pages: %w", err)
			}
			return nil
		}),
	}
}
