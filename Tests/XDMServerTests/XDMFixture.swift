import Ground
import Testing
import XDMServer
