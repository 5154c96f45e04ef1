// An app of Go's standard library and one vendored module.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"

	"example.com/greeting"
)

func main() {
	application := struct {
		Name string `json:"application_name"`
	}{"go"}
	if err := json.Unmarshal([]byte(os.Getenv("VCAP_APPLICATION")), &application); err != nil {
		log.Print("no VCAP_APPLICATION: ", err)
	}
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, greeting.From(application.Name, os.Getenv("CF_INSTANCE_INDEX")))
	})
	log.Fatal(http.ListenAndServe(":"+os.Getenv("PORT"), nil))
}
