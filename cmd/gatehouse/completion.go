package main

import (
	"github.com/spf13/cobra"
)

var shells = []string{"bash", "zsh", "fish", "powershell"}

func newCompletionCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:       "completion SHELL",
		Short:     "Print a shell completion script",
		Long:      "Prints a completion script for bash, zsh, fish or powershell.",
		Example:   "  source <(gatehouse completion bash)\n  gatehouse completion fish > ~/.config/fish/completions/gatehouse.fish",
		ValidArgs: shells,
		Args:      takes("SHELL"),
		RunE: e.start(func(cmd *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return cmd.Root().GenBashCompletionV2(e.stdout, true)
			case "zsh":
				return cmd.Root().GenZshCompletion(e.stdout)
			case "fish":
				return cmd.Root().GenFishCompletion(e.stdout, true)
			case "powershell":
				return cmd.Root().GenPowerShellCompletionWithDesc(e.stdout)
			}
			return usagef("no completion for %q: there are bash, zsh, fish and powershell", args[0])
		}),
	}
}
