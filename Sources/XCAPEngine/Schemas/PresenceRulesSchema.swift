internal import XMLTree

extension XMLSchema.Source {
    /// RFC 5025 §6: what the rules of presence do and show.
    static let presenceRules = XMLSchema.Source(
        name: "pres-rules.xsd",
        """
        <xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:pr="urn:ietf:params:xml:ns:pres-rules"
            targetNamespace="urn:ietf:params:xml:ns:pres-rules" elementFormDefault="qualified">
          <xs:element name="sub-handling">
            <xs:simpleType>
              <xs:restriction base="xs:token">
                <xs:enumeration value="block"/>
                <xs:enumeration value="confirm"/>
                <xs:enumeration value="polite-block"/>
                <xs:enumeration value="allow"/>
              </xs:restriction>
            </xs:simpleType>
          </xs:element>
          <xs:complexType name="empty"/>
          <xs:element name="provide-devices">
            <xs:complexType>
              <xs:choice>
                <xs:element name="all-devices" type="pr:empty"/>
                <xs:choice minOccurs="0" maxOccurs="unbounded">
                  <xs:element name="deviceID" type="xs:token"/>
                  <xs:element name="occurrence-id" type="xs:token"/>
                  <xs:element name="class" type="xs:token"/>
                  <xs:any namespace="##other" processContents="lax"/>
                </xs:choice>
              </xs:choice>
            </xs:complexType>
          </xs:element>
          <xs:element name="provide-persons">
            <xs:complexType>
              <xs:choice>
                <xs:element name="all-persons" type="pr:empty"/>
                <xs:choice minOccurs="0" maxOccurs="unbounded">
                  <xs:element name="occurrence-id" type="xs:token"/>
                  <xs:element name="class" type="xs:token"/>
                  <xs:any namespace="##other" processContents="lax"/>
                </xs:choice>
              </xs:choice>
            </xs:complexType>
          </xs:element>
          <xs:element name="provide-services">
            <xs:complexType>
              <xs:choice>
                <xs:element name="all-services" type="pr:empty"/>
                <xs:choice minOccurs="0" maxOccurs="unbounded">
                  <xs:element name="service-uri" type="xs:token"/>
                  <xs:element name="service-uri-scheme" type="xs:token"/>
                  <xs:element name="occurrence-id" type="xs:token"/>
                  <xs:element name="class" type="xs:token"/>
                  <xs:any namespace="##other" processContents="lax"/>
                </xs:choice>
              </xs:choice>
            </xs:complexType>
          </xs:element>
          <xs:element name="provide-activities" type="xs:boolean"/>
          <xs:element name="provide-class" type="xs:boolean"/>
          <xs:element name="provide-deviceID" type="xs:boolean"/>
          <xs:element name="provide-mood" type="xs:boolean"/>
          <xs:element name="provide-place-is" type="xs:boolean"/>
          <xs:element name="provide-place-type" type="xs:boolean"/>
          <xs:element name="provide-privacy" type="xs:boolean"/>
          <xs:element name="provide-relationship" type="xs:boolean"/>
          <xs:element name="provide-sphere" type="xs:boolean"/>
          <xs:element name="provide-status-icon" type="xs:boolean"/>
          <xs:element name="provide-time-offset" type="xs:boolean"/>
          <xs:element name="provide-note" type="xs:boolean"/>
          <xs:element name="provide-user-input">
            <xs:simpleType>
              <xs:restriction base="xs:token">
                <xs:enumeration value="false"/>
                <xs:enumeration value="bare"/>
                <xs:enumeration value="thresholds"/>
                <xs:enumeration value="full"/>
              </xs:restriction>
            </xs:simpleType>
          </xs:element>
          <xs:element name="provide-unknown-attribute">
            <xs:complexType>
              <xs:simpleContent>
                <xs:extension base="xs:boolean">
                  <xs:attribute name="name" type="xs:string" use="required"/>
                  <xs:attribute name="ns" type="xs:string" use="required"/>
                </xs:extension>
              </xs:simpleContent>
            </xs:complexType>
          </xs:element>
          <xs:element name="provide-all-attributes" type="pr:empty"/>
        </xs:schema>
        """)
}
