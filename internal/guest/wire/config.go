package wire

// ConfigPath is the file in which the guest's first process finds its Config.
const ConfigPath = "/etc/guest.json"

// Config tells the guest's first process what to do before it reports ready.
type Config struct {
	Hostname string
	Modules  []LoadRequest // inserted in this order
}
