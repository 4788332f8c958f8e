package import XMLTree

extension XMLSchema.Source {
    /// RFC 4825 §11.2: why a request conflicts with a document.
    package static let errors = XMLSchema.Source(
        name: "xcap-error.xsd",
        """
        <xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xe="urn:ietf:params:xml:ns:xcap-error"
            targetNamespace="urn:ietf:params:xml:ns:xcap-error" elementFormDefault="qualified">
          <xs:complexType name="plain"><xs:attribute name="phrase" type="xs:string"/></xs:complexType>
          <xs:element name="xcap-error">
            <xs:complexType>
              <xs:choice>
                <xs:element name="not-well-formed" type="xe:plain"/>
                <xs:element name="not-xml-frag" type="xe:plain"/>
                <xs:element name="not-xml-att-value" type="xe:plain"/>
                <xs:element name="not-utf-8" type="xe:plain"/>
                <xs:element name="cannot-insert" type="xe:plain"/>
                <xs:element name="cannot-delete" type="xe:plain"/>
                <xs:element name="schema-validation-error" type="xe:plain"/>
                <xs:element name="constraint-failure" type="xe:plain"/>
                <xs:element name="no-parent">
                  <xs:complexType>
                    <xs:sequence><xs:element name="ancestor" type="xs:anyURI" minOccurs="0"/></xs:sequence>
                    <xs:attribute name="phrase" type="xs:string"/>
                  </xs:complexType>
                </xs:element>
                <xs:element name="uniqueness-failure">
                  <xs:complexType>
                    <xs:sequence maxOccurs="unbounded">
                      <xs:element name="exists">
                        <xs:complexType>
                          <xs:sequence minOccurs="0" maxOccurs="unbounded">
                            <xs:element name="alt-value" type="xs:string"/>
                          </xs:sequence>
                          <xs:attribute name="field" type="xs:string" use="required"/>
                        </xs:complexType>
                      </xs:element>
                    </xs:sequence>
                    <xs:attribute name="phrase" type="xs:string"/>
                  </xs:complexType>
                </xs:element>
                <xs:element name="extension">
                  <xs:complexType>
                    <xs:sequence>
                      <xs:any namespace="##any" processContents="lax" minOccurs="0" maxOccurs="unbounded"/>
                    </xs:sequence>
                  </xs:complexType>
                </xs:element>
              </xs:choice>
            </xs:complexType>
          </xs:element>
        </xs:schema>
        """)
}
