//! What the page of `/trust` says, in every language that it speaks.

/// A file to be had.
#[derive(Debug, Clone, Copy)]
pub(super) enum File {
    Profile,
    Der,
    Pem,
}

/// How it is done on one system. `{subject}` is what the certificate is called there.
pub(super) struct Steps {
    pub(super) system: &'static str,
    pub(super) title: &'static str,
    /// Belong to the first step.
    pub(super) files: &'static [File],
    pub(super) steps: &'static [&'static str],
}

/// One language.
pub(super) struct Words {
    pub(super) tag: &'static str,
    pub(super) name: &'static str,
    pub(super) languages: &'static str,
    pub(super) title: &'static str,
    pub(super) lead: &'static str,
    pub(super) compare: &'static str,
    pub(super) why: &'static str,
    pub(super) scope: &'static str,
    pub(super) scan: &'static str,
    pub(super) profile: &'static str,
    pub(super) certificate: &'static str,
    pub(super) pem: &'static str,
    pub(super) systems: &'static [Steps],
    pub(super) then: &'static str,
    pub(super) undo: &'static str,
    pub(super) open: &'static str,
}

/// English first: it stands in for all others.
pub(super) const ALL: &[Words; 3] = &[ENGLISH, GERMAN, SPANISH];

const ENGLISH: Words = Words {
    tag: "en",
    name: "English",
    languages: "Language",
    title: "Make this device trust the box",
    lead: "Browsers give camera and microphone only to addresses that they can check. Install the certificate of this box once \
           per device. It takes about a minute.",
    compare: "Compare first",
    why: "The box shows this fingerprint (SHA-256) where it was started. Install the certificate only if both are the same.",
    scope: "The certificate speaks for this box and for addresses of local networks. It cannot be used to read pages of the \
            internet.",
    scan: "Scan with the phone, or open",
    profile: "Get the profile",
    certificate: "Get the certificate",
    pem: "Get the certificate (PEM)",
    systems: &[
        Steps {
            system: "ios",
            title: "iPhone and iPad",
            files: &[File::Profile],
            steps: &[
                "Open this page in Safari, get the profile and allow the download.",
                "Open Settings, “Profile Downloaded”, and install it.",
                "In Settings, General, About, Certificate Trust Settings, switch {subject} on. Without this step the profile does \
                 nothing.",
            ],
        },
        Steps {
            system: "android",
            title: "Android",
            files: &[File::Der],
            steps: &[
                "Get the certificate; it lands in Downloads.",
                "In Settings search for “CA certificate” (Security, More security settings, Install from storage), and choose \
                 “Install anyway”.",
                "Choose the file moothall.crt. The phone then says that the network may be monitored: it means this certificate.",
                "Chrome and the Jitsi Meet app trust the box from then on; other apps may not.",
            ],
        },
        Steps {
            system: "windows",
            title: "Windows",
            files: &[File::Der],
            steps: &[
                "Get the certificate and open the file.",
                "Choose “Install Certificate”, “Current User”, “Place all certificates in the following store”, and there \
                 “Trusted Root Certification Authorities”.",
                "Confirm, then start the browser again.",
            ],
        },
        Steps {
            system: "macos",
            title: "Mac",
            files: &[File::Der],
            steps: &[
                "Get the certificate and open the file: Keychain Access adds it to “login”.",
                "Double-click {subject} there, unfold “Trust”, and choose “Always Trust”.",
                "Start the browser again.",
            ],
        },
        Steps {
            system: "linux",
            title: "Linux, and Firefox's own list",
            files: &[File::Pem],
            steps: &[
                "Get the certificate.",
                "Chromium: Settings, Privacy and security, Security, Manage certificates, Authorities (or “Installed by you”), \
                 Import; tick “Trust this certificate for identifying websites”.",
                "Firefox: Settings, Privacy & Security, View Certificates, Authorities, Import; tick “Trust this CA to identify \
                 websites”. On Windows, Mac and Android it takes the system's list by itself.",
            ],
        },
    ],
    then: "Then open the box again: the warning is gone.",
    undo: "To undo it, remove {subject} where you installed it.",
    open: "Open the box",
};

const GERMAN: Words = Words {
    tag: "de",
    name: "Deutsch",
    languages: "Sprache",
    title: "Dieses Gerät soll der Box vertrauen",
    lead: "Browser geben Kamera und Mikrofon nur Adressen, die sie prüfen können. Installieren Sie das Zertifikat dieser Box einmal \
           auf jedem Gerät. Das dauert etwa eine Minute.",
    compare: "Erst vergleichen",
    why: "Die Box zeigt diesen Fingerabdruck (SHA-256) dort, wo sie gestartet wurde. Installieren Sie das Zertifikat nur, wenn \
          beide gleich sind.",
    scope: "Das Zertifikat spricht für diese Box und für Adressen lokaler Netze. Seiten im Internet lassen sich damit nicht \
            mitlesen.",
    scan: "Mit dem Telefon scannen, oder öffnen",
    profile: "Profil laden",
    certificate: "Zertifikat laden",
    pem: "Zertifikat laden (PEM)",
    systems: &[
        Steps {
            system: "ios",
            title: "iPhone und iPad",
            files: &[File::Profile],
            steps: &[
                "Diese Seite in Safari öffnen, das Profil laden und das Laden erlauben.",
                "In den Einstellungen „Profil geladen“ öffnen und installieren.",
                "Unter Einstellungen, Allgemein, Info, Zertifikatsvertrauenseinstellungen {subject} einschalten. Ohne diesen \
                 Schritt bewirkt das Profil nichts.",
            ],
        },
        Steps {
            system: "android",
            title: "Android",
            files: &[File::Der],
            steps: &[
                "Das Zertifikat laden; es liegt dann unter Downloads.",
                "In den Einstellungen nach „CA-Zertifikat“ suchen (Sicherheit, Weitere Sicherheitseinstellungen, Von Speicher \
                 installieren) und „Trotzdem installieren“ wählen.",
                "Die Datei moothall.crt wählen. Das Telefon meldet danach, dass das Netz überwacht werden kann: Es meint dieses \
                 Zertifikat.",
                "Chrome und die App Jitsi Meet vertrauen der Box von da an; andere Apps vielleicht nicht.",
            ],
        },
        Steps {
            system: "windows",
            title: "Windows",
            files: &[File::Der],
            steps: &[
                "Das Zertifikat laden und die Datei öffnen.",
                "„Zertifikat installieren“, „Aktueller Benutzer“, „Alle Zertifikate in folgendem Speicher speichern“ wählen, und \
                 dort „Vertrauenswürdige Stammzertifizierungsstellen“.",
                "Bestätigen, dann den Browser neu starten.",
            ],
        },
        Steps {
            system: "macos",
            title: "Mac",
            files: &[File::Der],
            steps: &[
                "Das Zertifikat laden und die Datei öffnen: Die Schlüsselbundverwaltung legt es unter „Anmeldung“ ab.",
                "Dort {subject} doppelklicken, „Vertrauen“ aufklappen und „Immer vertrauen“ wählen.",
                "Den Browser neu starten.",
            ],
        },
        Steps {
            system: "linux",
            title: "Linux, und die eigene Liste von Firefox",
            files: &[File::Pem],
            steps: &[
                "Das Zertifikat laden.",
                "Chromium: Einstellungen, Datenschutz und Sicherheit, Sicherheit, Zertifikate verwalten, Zertifizierungsstellen \
                 (oder „Von Ihnen installiert“), Importieren; „Diesem Zertifikat zur Identifizierung von Websites vertrauen“ \
                 ankreuzen.",
                "Firefox: Einstellungen, Datenschutz & Sicherheit, Zertifikate anzeigen, Zertifizierungsstellen, Importieren; \
                 „Dieser CA vertrauen, um Websites zu identifizieren“ ankreuzen. Unter Windows, macOS und Android nimmt es die \
                 Liste des Systems von selbst.",
            ],
        },
    ],
    then: "Öffnen Sie dann die Box noch einmal: Die Warnung ist weg.",
    undo: "Rückgängig wird es, wenn Sie {subject} dort entfernen, wo Sie es installiert haben.",
    open: "Box öffnen",
};

const SPANISH: Words = Words {
    tag: "es",
    name: "Español",
    languages: "Idioma",
    title: "Haz que este dispositivo confíe en la caja",
    lead: "Los navegadores solo dan cámara y micrófono a direcciones que pueden comprobar. Instala el certificado de esta caja una \
           vez en cada dispositivo. Tarda más o menos un minuto.",
    compare: "Primero, compara",
    why: "La caja muestra esta huella digital (SHA-256) donde se puso en marcha. Instala el certificado solo si las dos son iguales.",
    scope: "El certificado habla por esta caja y por direcciones de redes locales. No sirve para leer páginas de internet.",
    scan: "Escanea con el teléfono, o abre",
    profile: "Obtener el perfil",
    certificate: "Obtener el certificado",
    pem: "Obtener el certificado (PEM)",
    systems: &[
        Steps {
            system: "ios",
            title: "iPhone y iPad",
            files: &[File::Profile],
            steps: &[
                "Abre esta página en Safari, obtén el perfil y permite la descarga.",
                "Abre Ajustes, «Perfil descargado», e instálalo.",
                "En Ajustes, General, Información, Ajustes de confianza de los certificados, activa {subject}. Sin este paso el \
                 perfil no hace nada.",
            ],
        },
        Steps {
            system: "android",
            title: "Android",
            files: &[File::Der],
            steps: &[
                "Obtén el certificado; queda en Descargas.",
                "En Ajustes busca «certificado de CA» (Seguridad, Más ajustes de seguridad, Instalar desde el almacenamiento) y \
                 elige «Instalar igualmente».",
                "Elige el archivo moothall.crt. El teléfono avisa luego de que la red puede estar supervisada: se refiere a este \
                 certificado.",
                "Chrome y la aplicación Jitsi Meet confían en la caja desde entonces; otras aplicaciones quizá no.",
            ],
        },
        Steps {
            system: "windows",
            title: "Windows",
            files: &[File::Der],
            steps: &[
                "Obtén el certificado y abre el archivo.",
                "Elige «Instalar certificado», «Usuario actual», «Colocar todos los certificados en el siguiente almacén», y ahí \
                 «Entidades de certificación raíz de confianza».",
                "Confirma y vuelve a abrir el navegador.",
            ],
        },
        Steps {
            system: "macos",
            title: "Mac",
            files: &[File::Der],
            steps: &[
                "Obtén el certificado y abre el archivo: Acceso a Llaveros lo añade a «inicio de sesión».",
                "Haz doble clic en {subject}, despliega «Confiar» y elige «Confiar siempre».",
                "Vuelve a abrir el navegador.",
            ],
        },
        Steps {
            system: "linux",
            title: "Linux, y la lista propia de Firefox",
            files: &[File::Pem],
            steps: &[
                "Obtén el certificado.",
                "Chromium: Configuración, Privacidad y seguridad, Seguridad, Gestionar certificados, Entidades emisoras (o \
                 «Instalados por ti»), Importar; marca «Confiar en este certificado para identificar sitios web».",
                "Firefox: Ajustes, Privacidad y seguridad, Ver certificados, Autoridades, Importar; marca «Confiar en esta CA para \
                 identificar sitios web». En Windows, Mac y Android toma la lista del sistema por sí mismo.",
            ],
        },
    ],
    then: "Después abre la caja otra vez: el aviso ya no está.",
    undo: "Para deshacerlo, quita {subject} donde lo instalaste.",
    open: "Abrir la caja",
};
