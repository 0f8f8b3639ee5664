#!/bin/sh
# make_certs.sh DIR: certificates for tests, good ones and one for each way to be bad.
#
# Makes DIR/ca.pem (the root to trust) and, for each name below, DIR/NAME.pem (the server's
# certificate, then its intermediate), DIR/NAME.chain (the intermediate, where there is one)
# and DIR/NAME.key. Does nothing when DIR/done exists.
# All are for localhost unless said otherwise.
set -eu
dir=$1
mkdir -p "$dir"
cd "$dir"
[ ! -e ./done ] || exit 0

key_ec() { # NAME
    openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key" 2>/dev/null ||
        openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
}

key_rsa() { # NAME BITS
    openssl genrsa -out "$1.key" "$2" 2>/dev/null
}

authority() { # NAME SUBJECT ISSUER
    printf '%s\n' 'basicConstraints=critical,CA:TRUE' 'keyUsage=critical,keyCertSign' >ext
    openssl req -new -key "$1.key" -subj "/CN=$2" -out csr
    if [ "$1" = "$3" ]; then
        openssl x509 -req -in csr -signkey "$1.key" -days 3650 -sha256 -extfile ext -out "$1.pem"
    else
        openssl x509 -req -in csr -CA "$3.pem" -CAkey "$3.key" -set_serial 7 -days 3650 -sha256 \
            -extfile ext -out "$1.pem"
    fi 2>/dev/null
}

# A certificate for NAME.key. Times need `openssl ca`, so everything is signed by it.
leaf() { # NAME ISSUER SAN EKU DIGEST START END
    : >index
    echo 01 >serial
    cat >conf <<CONF
[ca]
default_ca = this
[this]
database = index
serial = serial
new_certs_dir = .
certificate = $2.pem
private_key = $2.key
default_md = $5
policy = any
unique_subject = no
x509_extensions = ext
[any]
commonName = supplied
[ext]
basicConstraints = CA:FALSE
${3:+subjectAltName = $3}
${4:+extendedKeyUsage = $4}
CONF
    openssl req -new -key "$1.key" -subj "/CN=localhost" -out csr
    openssl ca -batch -config conf -in csr -out "$1.pem" -notext -startdate "$6" -enddate "$7" 2>log ||
        { cat log; exit 1; }
    [ "$2" != middle ] || { cp middle.pem "$1.chain" && cat middle.pem >>"$1.pem"; }
}

past=20200101000000Z old=20210101000000Z begin=20240101000000Z end=20491231235959Z
later=20480101000000Z

key_ec root && authority root 'Test Root' root
key_ec middle && authority middle 'Test Intermediate' root
key_ec stranger && authority stranger 'Unknown Root' stranger
key_rsa rsa_root 2048 && authority rsa_root 'Test RSA Root' rsa_root
cat root.pem rsa_root.pem >ca.pem

for name in good ip expired not_yet wrong_name wrong_ip unknown_root wrong_eku any_eku no_san; do
    key_ec $name
done
leaf good middle DNS:localhost,DNS:*.example.org serverAuth sha256 $begin $end
leaf ip middle IP:127.0.0.1,IP:::1 serverAuth sha256 $begin $end
leaf any_eku middle DNS:localhost anyExtendedKeyUsage sha256 $begin $end
leaf expired middle DNS:localhost serverAuth sha256 $past $old
leaf not_yet middle DNS:localhost serverAuth sha256 $later $end
leaf wrong_name middle DNS:other.example serverAuth sha256 $begin $end
leaf wrong_ip middle IP:127.0.0.2 serverAuth sha256 $begin $end
leaf unknown_root stranger DNS:localhost serverAuth sha256 $begin $end
leaf wrong_eku middle DNS:localhost clientAuth sha256 $begin $end
leaf no_san middle '' serverAuth sha256 $begin $end

key_rsa rsa 2048 && leaf rsa rsa_root DNS:localhost serverAuth sha256 $begin $end
key_rsa sha1 2048 && leaf sha1 rsa_root DNS:localhost serverAuth sha1 $begin $end
key_rsa rsa1024 1024 && leaf rsa1024 rsa_root DNS:localhost serverAuth sha256 $begin $end

key_ec self_signed
openssl req -new -x509 -key self_signed.key -subj /CN=localhost -days 3650 -sha256 \
    -addext subjectAltName=DNS:localhost -addext extendedKeyUsage=serverAuth -out self_signed.pem

rm -f csr ext conf log index* serial* 0*.pem
touch ./done
