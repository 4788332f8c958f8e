/// A golden ladder: commands, and under each what then crossed the wire.
///
/// Blocks are divided by empty lines. In a block come the commands, then `----`, then what they caused. Lines that begin
/// with `#` belong to the reader; those that begin with `# spec:` name the requirements that the ladder shows.
package struct LadderScript: Sendable {
    /// Some commands with what they cause.
    package struct Block: Sendable {
        package var comments: [String]
        package var commands: [String]
        package var output: [String]
    }

    package private(set) var blocks: [Block] = []

    package init(_ text: String) {
        var block = Block(comments: [], commands: [], output: [])
        var isOutput = false
        func isEmpty(_ block: Block) -> Bool { block.comments.isEmpty && block.commands.isEmpty }
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.allSatisfy({ $0 == " " }) {
                if !isEmpty(block) { self.blocks.append(block) }
                block = Block(comments: [], commands: [], output: [])
                isOutput = false
            } else if line == "----" {
                isOutput = true
            } else if isOutput {
                block.output.append(String(line))
            } else if line.hasPrefix("#") {
                block.comments.append(String(line))
            } else {
                block.commands.append(String(line))
            }
        }
        if !isEmpty(block) { self.blocks.append(block) }
    }

    /// The requirements that the ladder names.
    package var citations: [String] {
        self.blocks.flatMap(\.comments).filter { $0.hasPrefix("# spec:") }
            .flatMap { $0.dropFirst(7).split(separator: ",") }
            .map { String($0.drop { $0 == " " }) }
    }

    /// Runs the commands and puts down what they cause.
    ///
    /// - Throws: ``LadderFault`` for a command that cannot be understood or done.
    package func played() throws(LadderFault) -> LadderScript {
        var script = self
        let stage = LadderStage()
        for index in script.blocks.indices where !script.blocks[index].commands.isEmpty {
            script.blocks[index].output = []
            for command in script.blocks[index].commands {
                try stage.perform(command)
                script.blocks[index].output += stage.takeLines()
            }
        }
        return script
    }

    /// The text of the file.
    package var text: String {
        self.blocks.map { block in
            var lines = block.comments + block.commands
            if !block.commands.isEmpty { lines += ["----"] + block.output }
            return lines.joined(separator: "\n")
        }.joined(separator: "\n\n") + "\n"
    }
}

/// Why a ladder cannot be played.
package struct LadderFault: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}
