// Package greeting stands for any vendored module.
package greeting

import "fmt"

// From says which instance of an app greets.
func From(app, instance string) string {
	return fmt.Sprintf("Hello from %s, instance %s\n", app, instance)
}
