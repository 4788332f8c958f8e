import UserAgent

/// Rows of text with aligned columns.
enum TextTable {
    static func aligned(_ rows: [[String]]) -> String {
        let columns = rows.map(\.count).max() ?? 0
        var widths = [Int](repeating: 0, count: columns)
        let harmless = rows.map { $0.map(PresenceText.harmless) }
        for row in harmless {
            for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.count) }
        }
        return harmless.map { row in
            row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : PresenceText.padded(cell, widths[column] + 2)
            }.joined()
        }.joined(separator: "\n")
    }
}
