package main

import (
	"strings"

	"github.com/spf13/cobra"
)

func newHelpCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND...]",
		Short: "Show help for a command",
		Args:  cobra.ArbitraryArgs,
		RunE: e.start(func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usagef("there is no command %q", strings.Join(args, " "))
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		}),
	}
}
