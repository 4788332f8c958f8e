internal import XMLTree

extension XMLSchema.Source {
    /// RFC 4826 §4.2: the URIs that lists can be subscribed to under.
    static let listServices = XMLSchema.Source(
        name: "rls-services.xsd",
        """
        <xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:rs="urn:ietf:params:xml:ns:rls-services"
            xmlns:rl="urn:ietf:params:xml:ns:resource-lists"
            targetNamespace="urn:ietf:params:xml:ns:rls-services" elementFormDefault="qualified">
          <xs:import namespace="urn:ietf:params:xml:ns:resource-lists" schemaLocation="resource-lists.xsd"/>
          <xs:element name="rls-services">
            <xs:complexType>
              <xs:sequence>
                <xs:element name="service" type="rs:service" minOccurs="0" maxOccurs="unbounded"/>
              </xs:sequence>
            </xs:complexType>
          </xs:element>
          <xs:complexType name="service">
            <xs:sequence>
              <xs:choice>
                <xs:element name="resource-list" type="xs:token"/>
                <xs:element name="list" type="rl:list"/>
              </xs:choice>
              <xs:element name="packages" type="rs:packages" minOccurs="0"/>
              <xs:any namespace="##other" processContents="lax" minOccurs="0" maxOccurs="unbounded"/>
            </xs:sequence>
            <xs:attribute name="uri" type="xs:token" use="required"/>
            <xs:anyAttribute namespace="##other" processContents="lax"/>
          </xs:complexType>
          <xs:complexType name="packages">
            <xs:choice minOccurs="0" maxOccurs="unbounded">
              <xs:element name="package" type="xs:string"/>
              <xs:any namespace="##other" processContents="lax"/>
            </xs:choice>
          </xs:complexType>
        </xs:schema>
        """)
}
