internal import XMLTree

extension XMLSchema.Source {
    /// OMA XDM: what users tell about themselves. The elements of a profile are many and all optional, so that only the
    /// frame is fixed here.
    static let userProfile = XMLSchema.Source(
        name: "user-profile.xsd",
        """
        <xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:oma:xml:xdm:user-profile"
            elementFormDefault="qualified">
          <xs:element name="user-profiles">
            <xs:complexType>
              <xs:sequence>
                <xs:element name="user-profile" minOccurs="0" maxOccurs="unbounded">
                  <xs:complexType>
                    <xs:sequence>
                      <xs:any namespace="##any" processContents="skip" minOccurs="0" maxOccurs="unbounded"/>
                    </xs:sequence>
                    <xs:attribute name="uri" type="xs:token" use="required"/>
                    <xs:anyAttribute namespace="##other" processContents="lax"/>
                  </xs:complexType>
                </xs:element>
                <xs:any namespace="##other" processContents="lax" minOccurs="0" maxOccurs="unbounded"/>
              </xs:sequence>
              <xs:anyAttribute namespace="##other" processContents="lax"/>
            </xs:complexType>
          </xs:element>
        </xs:schema>
        """)
}
