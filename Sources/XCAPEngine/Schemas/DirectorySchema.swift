internal import XMLTree

extension XMLSchema.Source {
    /// OMA XDM: the documents that a user has.
    static let directory = XMLSchema.Source(
        name: "xcap-directory.xsd",
        """
        <xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:oma:xml:xdm:xcap-directory"
            elementFormDefault="qualified">
          <xs:element name="xcap-directory">
            <xs:complexType>
              <xs:sequence>
                <xs:element name="folder" minOccurs="0" maxOccurs="unbounded">
                  <xs:complexType>
                    <xs:choice>
                      <xs:element name="entry" minOccurs="0" maxOccurs="unbounded">
                        <xs:complexType>
                          <xs:attribute name="uri" type="xs:token" use="required"/>
                          <xs:attribute name="etag" type="xs:string" use="required"/>
                          <xs:attribute name="last-modified" type="xs:dateTime"/>
                          <xs:attribute name="size" type="xs:nonNegativeInteger"/>
                          <xs:anyAttribute namespace="##other" processContents="lax"/>
                        </xs:complexType>
                      </xs:element>
                      <xs:element name="error-code" type="xs:string"/>
                    </xs:choice>
                    <xs:attribute name="auid" type="xs:string" use="required"/>
                    <xs:anyAttribute namespace="##other" processContents="lax"/>
                  </xs:complexType>
                </xs:element>
              </xs:sequence>
            </xs:complexType>
          </xs:element>
        </xs:schema>
        """)
}
