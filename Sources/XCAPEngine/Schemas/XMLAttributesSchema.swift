internal import XMLTree

extension XMLSchema.Source {
    /// The attributes that XML itself has and that the formats here use.
    static let xmlAttributes = XMLSchema.Source(
        name: "xml.xsd",
        """
        <xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.w3.org/XML/1998/namespace">
          <xs:attribute name="lang">
            <xs:simpleType>
              <xs:union memberTypes="xs:language">
                <xs:simpleType><xs:restriction base="xs:string"><xs:length value="0"/></xs:restriction></xs:simpleType>
              </xs:union>
            </xs:simpleType>
          </xs:attribute>
        </xs:schema>
        """)
}
