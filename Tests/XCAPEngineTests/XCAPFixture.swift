import Ground
import Testing
import XCAPEngine
