// Vigil is the audit log and alarm of a search cluster.
package main

import (
	"os"

	"vigil/app"
)

func main() { os.Exit(app.Main(os.Args[1:])) }
