internal import XMLTree

extension XMLSchema.Source {
    /// RFC 4745 §13: rules with conditions, actions and transformations. `identity` may be empty, since RFC 5025 lets an
    /// empty one stand for every watcher.
    static let commonPolicy = XMLSchema.Source(
        name: "common-policy.xsd",
        """
        <xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:cp="urn:ietf:params:xml:ns:common-policy"
            targetNamespace="urn:ietf:params:xml:ns:common-policy" elementFormDefault="qualified">
          <xs:import namespace="urn:ietf:params:xml:ns:pres-rules" schemaLocation="pres-rules.xsd"/>
          <xs:import namespace="urn:oma:xml:prs:pres-rules" schemaLocation="oma-pres-rules.xsd"/>
          <xs:import namespace="urn:oma:xml:xdm:common-policy" schemaLocation="oma-common-policy.xsd"/>
          <xs:element name="ruleset">
            <xs:complexType>
              <xs:sequence>
                <xs:element name="rule" type="cp:rule" minOccurs="0" maxOccurs="unbounded"/>
              </xs:sequence>
            </xs:complexType>
          </xs:element>
          <xs:complexType name="rule">
            <xs:sequence>
              <xs:element name="conditions" type="cp:conditions" minOccurs="0"/>
              <xs:element name="actions" type="cp:extensible" minOccurs="0"/>
              <xs:element name="transformations" type="cp:extensible" minOccurs="0"/>
            </xs:sequence>
            <xs:attribute name="id" type="xs:ID" use="required"/>
          </xs:complexType>
          <xs:complexType name="conditions">
            <xs:choice minOccurs="0" maxOccurs="unbounded">
              <xs:element name="identity" type="cp:identity"/>
              <xs:element name="sphere" type="cp:sphere"/>
              <xs:element name="validity" type="cp:validity"/>
              <xs:any namespace="##other" processContents="lax"/>
            </xs:choice>
          </xs:complexType>
          <xs:complexType name="identity">
            <xs:choice minOccurs="0" maxOccurs="unbounded">
              <xs:element name="one" type="cp:one"/>
              <xs:element name="many" type="cp:many"/>
              <xs:any namespace="##other" processContents="lax"/>
            </xs:choice>
          </xs:complexType>
          <xs:complexType name="one">
            <xs:sequence>
              <xs:any namespace="##other" processContents="lax" minOccurs="0"/>
            </xs:sequence>
            <xs:attribute name="id" type="xs:token" use="required"/>
          </xs:complexType>
          <xs:complexType name="many">
            <xs:choice minOccurs="0" maxOccurs="unbounded">
              <xs:element name="except" type="cp:except"/>
              <xs:any namespace="##other" processContents="lax"/>
            </xs:choice>
            <xs:attribute name="domain" type="xs:string"/>
          </xs:complexType>
          <xs:complexType name="except">
            <xs:attribute name="domain" type="xs:string"/>
            <xs:attribute name="id" type="xs:token"/>
          </xs:complexType>
          <xs:complexType name="sphere">
            <xs:attribute name="value" type="xs:string" use="required"/>
          </xs:complexType>
          <xs:complexType name="validity">
            <xs:sequence maxOccurs="unbounded">
              <xs:element name="from" type="xs:dateTime"/>
              <xs:element name="until" type="xs:dateTime"/>
            </xs:sequence>
          </xs:complexType>
          <xs:complexType name="extensible">
            <xs:sequence>
              <xs:any namespace="##other" processContents="lax" minOccurs="0" maxOccurs="unbounded"/>
            </xs:sequence>
          </xs:complexType>
        </xs:schema>
        """)
}
