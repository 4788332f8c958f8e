internal import XMLTree

extension XMLSchema.Source {
    /// RFC 4826 §3.2: lists of resources, which may hold lists.
    static let resourceLists = XMLSchema.Source(
        name: "resource-lists.xsd",
        """
        <xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:rl="urn:ietf:params:xml:ns:resource-lists"
            targetNamespace="urn:ietf:params:xml:ns:resource-lists" elementFormDefault="qualified">
          <xs:import namespace="http://www.w3.org/XML/1998/namespace" schemaLocation="xml.xsd"/>
          <xs:element name="resource-lists">
            <xs:complexType>
              <xs:sequence>
                <xs:element name="list" type="rl:list" minOccurs="0" maxOccurs="unbounded"/>
              </xs:sequence>
            </xs:complexType>
          </xs:element>
          <xs:complexType name="list">
            <xs:sequence>
              <xs:element name="display-name" type="rl:text" minOccurs="0"/>
              <xs:choice minOccurs="0" maxOccurs="unbounded">
                <xs:element name="list" type="rl:list"/>
                <xs:element name="external" type="rl:external"/>
                <xs:element name="entry" type="rl:entry"/>
                <xs:element name="entry-ref" type="rl:entryReference"/>
              </xs:choice>
              <xs:any namespace="##other" processContents="lax" minOccurs="0" maxOccurs="unbounded"/>
            </xs:sequence>
            <xs:attribute name="name" type="xs:string"/>
            <xs:anyAttribute namespace="##other" processContents="lax"/>
          </xs:complexType>
          <xs:complexType name="member">
            <xs:sequence>
              <xs:element name="display-name" type="rl:text" minOccurs="0"/>
              <xs:any namespace="##other" processContents="lax" minOccurs="0" maxOccurs="unbounded"/>
            </xs:sequence>
            <xs:anyAttribute namespace="##other" processContents="lax"/>
          </xs:complexType>
          <xs:complexType name="entry">
            <xs:complexContent>
              <xs:extension base="rl:member"><xs:attribute name="uri" type="xs:token" use="required"/></xs:extension>
            </xs:complexContent>
          </xs:complexType>
          <xs:complexType name="entryReference">
            <xs:complexContent>
              <xs:extension base="rl:member"><xs:attribute name="ref" type="xs:token" use="required"/></xs:extension>
            </xs:complexContent>
          </xs:complexType>
          <xs:complexType name="external">
            <xs:complexContent>
              <xs:extension base="rl:member"><xs:attribute name="anchor" type="xs:token"/></xs:extension>
            </xs:complexContent>
          </xs:complexType>
          <xs:complexType name="text">
            <xs:simpleContent>
              <xs:extension base="xs:string"><xs:attribute ref="xml:lang"/></xs:extension>
            </xs:simpleContent>
          </xs:complexType>
        </xs:schema>
        """)
}
