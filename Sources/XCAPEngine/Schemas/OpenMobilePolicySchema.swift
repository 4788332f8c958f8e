internal import XMLTree

extension XMLSchema.Source {
    /// The conditions that OMA XDM adds to common policy.
    static let openMobileCommonPolicy = XMLSchema.Source(
        name: "oma-common-policy.xsd",
        """
        <xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:oc="urn:oma:xml:xdm:common-policy"
            targetNamespace="urn:oma:xml:xdm:common-policy" elementFormDefault="qualified">
          <xs:element name="external-list">
            <xs:complexType>
              <xs:sequence>
                <xs:element name="entry" minOccurs="0" maxOccurs="unbounded">
                  <xs:complexType>
                    <xs:attribute name="anc" type="xs:token"/>
                    <xs:anyAttribute namespace="##other" processContents="lax"/>
                  </xs:complexType>
                </xs:element>
                <xs:any namespace="##other" processContents="lax" minOccurs="0" maxOccurs="unbounded"/>
              </xs:sequence>
            </xs:complexType>
          </xs:element>
          <xs:element name="other-identity"><xs:complexType/></xs:element>
          <xs:element name="anonymous-request"><xs:complexType/></xs:element>
        </xs:schema>
        """)

    /// The permissions that OMA presence adds to presence rules.
    static let openMobilePresenceRules = XMLSchema.Source(
        name: "oma-pres-rules.xsd",
        """
        <xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"
            targetNamespace="urn:oma:xml:prs:pres-rules" elementFormDefault="qualified">
          <xs:element name="provide-willingness" type="xs:boolean"/>
          <xs:element name="provide-network-availability" type="xs:boolean"/>
          <xs:element name="provide-session-participation" type="xs:boolean"/>
          <xs:element name="provide-registration-state" type="xs:boolean"/>
          <xs:element name="provide-barring-state" type="xs:boolean"/>
          <xs:element name="provide-geopriv">
            <xs:simpleType>
              <xs:restriction base="xs:token">
                <xs:enumeration value="false"/>
                <xs:enumeration value="full"/>
              </xs:restriction>
            </xs:simpleType>
          </xs:element>
          <xs:element name="service-id" type="xs:token"/>
        </xs:schema>
        """)
}
