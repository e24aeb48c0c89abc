/// Keys in PEM, made once by OpenSSL 3 and used by tests alone.
///
///     openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256     (P-384, ED25519, RSA)
///     openssl pkey -pubout, openssl ec -conv_form compressed, -param_enc explicit, -aes128
package enum SampleKeys {
  /// The PKCS#8 private key of Formats/vectors/valid-signed.ctpack, whose secret number is in
  /// make_vectors.py: a key that protects nothing.
  package static let signer = """
    -----BEGIN PRIVATE KEY-----
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAAAAAAAAAAAAAAAA
    AAAAAAAAAAAAAAAAEjRWeJCrze+hRANCAASfrYSurgi7738BABTYLO9qCd4rDPhx
    tc4MTx0TpZpZNAfLRXafEHDiwkcP5bG/5jEzwLDNxk6kvzeRqOwqB/1P
    -----END PRIVATE KEY-----

    """

  /// The key `signer` in SEC1's form.
  package static let signerSEC1 = """
    -----BEGIN EC PRIVATE KEY-----
    MHcCAQEEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABI0VniQq83voAoGCCqGSM49
    AwEHoUQDQgAEn62Erq4Iu+9/AQAU2CzvagneKwz4cbXODE8dE6WaWTQHy0V2nxBw
    4sJHD+Wxv+YxM8CwzcZOpL83kajsKgf9Tw==
    -----END EC PRIVATE KEY-----

    """

  /// The public part of `signer`.
  package static let signerPublic = """
    -----BEGIN PUBLIC KEY-----
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEn62Erq4Iu+9/AQAU2CzvagneKwz4
    cbXODE8dE6WaWTQHy0V2nxBw4sJHD+Wxv+YxM8CwzcZOpL83kajsKgf9Tw==
    -----END PUBLIC KEY-----

    """

  /// Another P-256 key, PKCS#8.
  package static let other = """
    -----BEGIN PRIVATE KEY-----
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg9nrfr3Iv8RASIL3A
    PpWeTVn06BuOZo3CvpJBjIDSALGhRANCAAS8jHn+5qbfU6BN8PX06AIpg/oeepTF
    5QKJl46NvuzTcKPqKXmRSfvwWydDq6SapnH/MhEpJcWbNoJCJpbpgYXc
    -----END PRIVATE KEY-----

    """

  /// The public part of `other`.
  package static let otherPublic = """
    -----BEGIN PUBLIC KEY-----
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEvIx5/uam31OgTfD19OgCKYP6HnqU
    xeUCiZeOjb7s03Cj6il5kUn78FsnQ6ukmqZx/zIRKSXFmzaCQiaW6YGF3A==
    -----END PUBLIC KEY-----

    """

  /// The public part of `other`, its point compressed.
  package static let otherCompressed = """
    -----BEGIN PUBLIC KEY-----
    MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgACvIx5/uam31OgTfD19OgCKYP6HnqU
    xeUCiZeOjb7s03A=
    -----END PUBLIC KEY-----

    """

  /// The key `other` with the curve's parameters written out instead of its name.
  package static let otherExplicit = """
    -----BEGIN EC PRIVATE KEY-----
    MIIBaAIBAQQg9nrfr3Iv8RASIL3APpWeTVn06BuOZo3CvpJBjIDSALGggfowgfcC
    AQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAAAAAAAAAAAAAA////////////////
    MFsEIP////8AAAABAAAAAAAAAAAAAAAA///////////////8BCBaxjXYqjqT57Pr
    vVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSdNgiG5wSTamZ44ROdJreBn36QBEEE
    axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54W
    K84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA//////////+85vqtpxeehPO5ysL8
    YyVRAgEBoUQDQgAEvIx5/uam31OgTfD19OgCKYP6HnqUxeUCiZeOjb7s03Cj6il5
    kUn78FsnQ6ukmqZx/zIRKSXFmzaCQiaW6YGF3A==
    -----END EC PRIVATE KEY-----

    """

  /// A P-256 key after a block with the curve's name, as `openssl ecparam -genkey` writes it.
  package static let parameters = """
    -----BEGIN EC PARAMETERS-----
    BggqhkjOPQMBBw==
    -----END EC PARAMETERS-----
    -----BEGIN EC PRIVATE KEY-----
    MHcCAQEEICnOptYezG7WyEiI4UQ4ON1n7kzPPoO2sD47BWsWzvEVoAoGCCqGSM49
    AwEHoUQDQgAEqBEZkjdA2NuVwftghyAyO1U/phNee6TptQT7j+YO16m/KLXRGcuS
    T5hQOD9025f/YclledSbA5PRODWU7dVeVg==
    -----END EC PRIVATE KEY-----

    """

  /// An Ed25519 key, PKCS#8.
  package static let edwards = """
    -----BEGIN PRIVATE KEY-----
    MC4CAQAwBQYDK2VwBCIEIFFMeVvp7auRBxxRpo/bTat4gvJ9dc4Kh5mI44TEXU+G
    -----END PRIVATE KEY-----

    """

  /// The public part of `edwards`.
  package static let edwardsPublic = """
    -----BEGIN PUBLIC KEY-----
    MCowBQYDK2VwAyEAWCpdYx2vWFkHXSqPsyfNxqMDIAEMw+mphhohx92oQ0k=
    -----END PUBLIC KEY-----

    """

  /// An RSA key, PKCS#8.
  package static let rsa = """
    -----BEGIN PRIVATE KEY-----
    MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBAMGbnj721DURgxdV
    bRgZzyixy8QXZM7hspeO3BrkXIesM/snz2Ra31IgKBjJSnXxF1I50vOwrzSvO4Ev
    tcPmzupF97+N/eesAowrQtxgOOdaWZ5RtIM5V7bYVk8HqD/pzcU8tccakS3obQj5
    dS51kD0fbd0wItr8UdNagm1mchJDAgMBAAECgYBfeRwaNKIE4XPhx9Cad+++Q58W
    PesKUiY9ssc7w60VgofHrKQK+vzxhMYBIxJDAvbbJ4Stg02DD36qgBqEVodmBrlQ
    MEVu3wAKy4trN8ZiL/4uf0xQCZatQ4SlBnsjYQvZwlZa05aYHkvrm1aow1yjXU5A
    okdM63F1hvzFKvPTgQJBAPoJAEjc9qF5KHGvxj7U/NSQJw5cAQKmnwlnmCdM8Kdk
    pxLJMJsZOKngRR+7kFJed9YjnIb4vmZtDg2OrOcEAuMCQQDGOgIIrSvAEcOTYF5M
    uQ3pcxqq2smNsYejsueFHjjHAM3TGyPUc+OGeYx8kZUvrt+mFT5sPAk0RMz3AP6+
    0vEhAkBPGKHaauwqUKWWsUBJiB8jLybrx/cZ25Pb6cWcSR6oFZM0wih6KBRgyO2V
    CESziebm+wT9PZsd08nqSAQyYHZ5AkBhRdX5rADsH8t5ZrDftW++P122ueZuQc/t
    5Lz39fymqx5VmdvbRYNBWiQ2fLpYy9e0CHi5ZDygCaMLEtHvklQBAkEAv0jy9fQ6
    RepxcCf3EgePAFgQ7mnDoZI22kkeLFLjqAATRhiFn/cVJJLwnxW881ei67FL7bOT
    g0OFbXTdXLuPVA==
    -----END PRIVATE KEY-----

    """

  /// The key `rsa` in PKCS#1's form.
  package static let rsaPKCS1 = """
    -----BEGIN RSA PRIVATE KEY-----
    MIICXAIBAAKBgQDBm54+9tQ1EYMXVW0YGc8oscvEF2TO4bKXjtwa5FyHrDP7J89k
    Wt9SICgYyUp18RdSOdLzsK80rzuBL7XD5s7qRfe/jf3nrAKMK0LcYDjnWlmeUbSD
    OVe22FZPB6g/6c3FPLXHGpEt6G0I+XUudZA9H23dMCLa/FHTWoJtZnISQwIDAQAB
    AoGAX3kcGjSiBOFz4cfQmnfvvkOfFj3rClImPbLHO8OtFYKHx6ykCvr88YTGASMS
    QwL22yeErYNNgw9+qoAahFaHZga5UDBFbt8ACsuLazfGYi/+Ln9MUAmWrUOEpQZ7
    I2EL2cJWWtOWmB5L65tWqMNco11OQKJHTOtxdYb8xSrz04ECQQD6CQBI3PaheShx
    r8Y+1PzUkCcOXAECpp8JZ5gnTPCnZKcSyTCbGTip4EUfu5BSXnfWI5yG+L5mbQ4N
    jqznBALjAkEAxjoCCK0rwBHDk2BeTLkN6XMaqtrJjbGHo7LnhR44xwDN0xsj1HPj
    hnmMfJGVL67fphU+bDwJNETM9wD+vtLxIQJATxih2mrsKlCllrFASYgfIy8m68f3
    GduT2+nFnEkeqBWTNMIoeigUYMjtlQhEs4nm5vsE/T2bHdPJ6kgEMmB2eQJAYUXV
    +awA7B/LeWaw37Vvvj9dtrnmbkHP7eS89/X8pqseVZnb20WDQVokNny6WMvXtAh4
    uWQ8oAmjCxLR75JUAQJBAL9I8vX0OkXqcXAn9xIHjwBYEO5pw6GSNtpJHixS46gA
    E0YYhZ/3FSSS8J8VvPNXouuxS+2zk4NDhW103Vy7j1Q=
    -----END RSA PRIVATE KEY-----

    """

  /// The public part of `rsa`.
  package static let rsaPublic = """
    -----BEGIN PUBLIC KEY-----
    MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDBm54+9tQ1EYMXVW0YGc8oscvE
    F2TO4bKXjtwa5FyHrDP7J89kWt9SICgYyUp18RdSOdLzsK80rzuBL7XD5s7qRfe/
    jf3nrAKMK0LcYDjnWlmeUbSDOVe22FZPB6g/6c3FPLXHGpEt6G0I+XUudZA9H23d
    MCLa/FHTWoJtZnISQwIDAQAB
    -----END PUBLIC KEY-----

    """

  /// A P-384 key, PKCS#8.
  package static let p384 = """
    -----BEGIN PRIVATE KEY-----
    MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDCVXKW34UWcbEqffVRL
    3rMiVvPg2s5eTPzkot6ozc2hdQvdpwyTWENPACcHcQis6vmhZANiAAQzH6X3OMxI
    YD4rbAYpasbTW2CxX4pFw2iJatrt8c7BnZYih2QlT36TokrP45/2x+0Zn+hpOfyz
    +20xnlwkQaoqj56J54RzzNi7+K4uiglfLWEuYKHT7qrx+cToY8JfC2U=
    -----END PRIVATE KEY-----

    """

  /// The key `p384` in SEC1's form.
  package static let p384SEC1 = """
    -----BEGIN EC PRIVATE KEY-----
    MIGkAgEBBDCVXKW34UWcbEqffVRL3rMiVvPg2s5eTPzkot6ozc2hdQvdpwyTWENP
    ACcHcQis6vmgBwYFK4EEACKhZANiAAQzH6X3OMxIYD4rbAYpasbTW2CxX4pFw2iJ
    atrt8c7BnZYih2QlT36TokrP45/2x+0Zn+hpOfyz+20xnlwkQaoqj56J54RzzNi7
    +K4uiglfLWEuYKHT7qrx+cToY8JfC2U=
    -----END EC PRIVATE KEY-----

    """

  /// The public part of `p384`.
  package static let p384Public = """
    -----BEGIN PUBLIC KEY-----
    MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEMx+l9zjMSGA+K2wGKWrG01tgsV+KRcNo
    iWra7fHOwZ2WIodkJU9+k6JKz+Of9sftGZ/oaTn8s/ttMZ5cJEGqKo+eieeEc8zY
    u/iuLooJXy1hLmCh0+6q8fnE6GPCXwtl
    -----END PUBLIC KEY-----

    """

  /// The key `other` under a password, PKCS#8.
  package static let encrypted = """
    -----BEGIN ENCRYPTED PRIVATE KEY-----
    MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjEvYqjWScWnwICCAAw
    DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEEwyVUuiFvb1MfExbnrvm0AEgZAs
    /N2Qz2DUliq2ldMj7sLnXc2XLbPufoQ/MGF1qxFSgG/+Y/ynUohYf/uoYhdRJ72n
    5BYV0VWmiLWQ5khnccPDH5FBOEEmgubjvAtBMiGMocmfkmCPt2BU3Ij3I9+uquCn
    E1wy3cJl/glsiSLK6xsObf+VIp+DxuTpUxjeQ05eMD13FPKZkPW19OC/LjeBfu8=
    -----END ENCRYPTED PRIVATE KEY-----

    """

  /// The key `other` under a password, in SEC1's form.
  package static let encryptedSEC1 = """
    -----BEGIN EC PRIVATE KEY-----
    Proc-Type: 4,ENCRYPTED
    DEK-Info: AES-128-CBC,6F8BB8C06A860252218D4FC36BBF57D1

    qAcvU2O250me0UEQTmOhSv1FsBt6Gq63s84ljAIZaNPVcV1pBWuk70r9rHgHORPb
    CeXLOFVJfT6stQb+rCZ3xD8/IQYcF2cPCb9Qy9Ft9cFKd0swix4xnywrLUKCrnrc
    Ueog9cXpGxFm4VmgRsGX1AXZtpd80zCH6TQ0RRRssRc=
    -----END EC PRIVATE KEY-----

    """

  /// A certificate of `other`.
  package static let certificate = """
    -----BEGIN CERTIFICATE-----
    MIIBbDCCAROgAwIBAgIUJfObW+kv7GxKiBaivMC13CqWIN8wCgYIKoZIzj0EAwIw
    DDEKMAgGA1UEAwwBeDAeFw0yNjExMzAyMzQwMjNaFw0yNjEyMDEyMzQwMjNaMAwx
    CjAIBgNVBAMMAXgwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAS8jHn+5qbfU6BN
    8PX06AIpg/oeepTF5QKJl46NvuzTcKPqKXmRSfvwWydDq6SapnH/MhEpJcWbNoJC
    JpbpgYXco1MwUTAdBgNVHQ4EFgQUCc/XJn0RRlK/qAnmzatJqQT0r+wwHwYDVR0j
    BBgwFoAUCc/XJn0RRlK/qAnmzatJqQT0r+wwDwYDVR0TAQH/BAUwAwEB/zAKBggq
    hkjOPQQDAgNHADBEAiA1MnoPJLEOFYrmCqiLlV1egfEd6t7HjOSnRSkPeZMS/QIg
    ZqOh7Jq07j47KMjbeWzWt7/yJzCmkVGb3fhi6wJMtxw=
    -----END CERTIFICATE-----

    """

  /// A key in OpenSSH's form.
  package static let openSSH = """
    -----BEGIN OPENSSH PRIVATE KEY-----
    b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAaAAAABNlY2RzYS
    1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQRdlO+ckh4G4QGXZnH8v9Q9B7+s1ILq
    TyrcoUHj8LC4u1WX/62oWCPA0rOwVMvkB3L+AKwi9pp8eftYeZfccUOAAAAAoLbtsXC27b
    FwAAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBF2U75ySHgbhAZdm
    cfy/1D0Hv6zUgupPKtyhQePwsLi7VZf/rahYI8DSs7BUy+QHcv4ArCL2mnx5+1h5l9xxQ4
    AAAAAgMfQeNMkkUWnK5p+gxn/13yikMMDPAK41OwCu3iGxYdoAAAAEdGVzdAECAwQ=
    -----END OPENSSH PRIVATE KEY-----

    """

  /// The text that `otherSignature` signs.
  package static let message = Array("A message to sign.\n".utf8)
  /// The signature of `message` by `other`, made by `openssl dgst -sha256 -sign`, in hexadecimal
  /// DER.
  package static let otherSignature =
    "304502204fe7ec21cdb34d984d036e5e7c8e22bdf93cf24d41bd415634eb22e4df4d7558022100a6894ea100ecd346c631004863ed67863d750602bfe737147546e46640b07b9b"
}
