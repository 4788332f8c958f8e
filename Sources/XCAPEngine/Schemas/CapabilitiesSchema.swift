internal import XMLTree

extension XMLSchema.Source {
    /// RFC 4825 §12.2: what an XCAP server can do.
    static let capabilities = XMLSchema.Source(
        name: "xcap-caps.xsd",
        """
        <xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:ietf:params:xml:ns:xcap-caps"
            elementFormDefault="qualified">
          <xs:element name="xcap-caps">
            <xs:complexType>
              <xs:sequence>
                <xs:element name="auids">
                  <xs:complexType>
                    <xs:sequence minOccurs="0" maxOccurs="unbounded">
                      <xs:element name="auid" type="xs:string"/>
                    </xs:sequence>
                  </xs:complexType>
                </xs:element>
                <xs:element name="extensions" minOccurs="0">
                  <xs:complexType>
                    <xs:sequence minOccurs="0" maxOccurs="unbounded">
                      <xs:element name="extension" type="xs:string"/>
                    </xs:sequence>
                  </xs:complexType>
                </xs:element>
                <xs:element name="namespaces">
                  <xs:complexType>
                    <xs:sequence minOccurs="0" maxOccurs="unbounded">
                      <xs:element name="namespace" type="xs:anyURI"/>
                    </xs:sequence>
                  </xs:complexType>
                </xs:element>
                <xs:any namespace="##other" processContents="lax" minOccurs="0" maxOccurs="unbounded"/>
              </xs:sequence>
            </xs:complexType>
          </xs:element>
        </xs:schema>
        """)
}
