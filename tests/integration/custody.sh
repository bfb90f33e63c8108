#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# custody.sh - the life of keys, from the admin's command to the guest's
# signature that openssl verifies, and back to nothing.
. "$(dirname "$0")/daemon.sh"

configure_daemon
"$BUILD/vhsmd" --config "$DIR/vhsmd.conf" --check > /dev/null || exit 1
daemon_start || { cat "$DIR/vhsmd.log"; exit 1; }
head -c 3000 /dev/urandom > "$DIR/message"

openssl_verifies() {
	openssl pkey -pubin -inform DER -in "$DIR/$1.der" -out "$DIR/$1.pub"
	if [ "$2" = raw ]; then
		openssl pkeyutl -verify -rawin -pubin -inkey "$DIR/$1.pub" \
			-in "$DIR/message" -sigfile "$DIR/$1.sig"
	else
		openssl dgst "-$2" -verify "$DIR/$1.pub" \
			-signature "$DIR/$1.sig" "$DIR/message"
	fi
}

signs() {
	ctl key generate --domain $WEB --type "$1" "key-$1"
	within 10 client $WEB sign "key-$1" "$DIR/message" "$DIR/$1.sig"
	client $WEB public "key-$1" "$DIR/$1.der"
	openssl_verifies "$1" "$2"
}

openssl_verifies_a_p256_signature() { signs ec-p256 sha256; }
openssl_verifies_an_ed25519_signature() { signs ed25519 raw; }

what_is_encrypted_is_decrypted_and_a_changed_tag_refused() {
	ctl key generate --domain $WEB --type aes-256 web-data
	client $WEB seal web-data "$DIR/message"
}

an_imported_key_signs_as_its_original() {
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
		-out "$DIR/original.pem"
	ctl key import --domain $WEB --in - imported < "$DIR/original.pem"
	client $WEB sign imported "$DIR/message" "$DIR/imported.sig"
	openssl pkey -in "$DIR/original.pem" -pubout -out "$DIR/original.pub"
	openssl dgst -sha256 -verify "$DIR/original.pub" \
		-signature "$DIR/imported.sig" "$DIR/message"
}

a_key_is_listed_and_shown() {
	ctl key list --domain $WEB | grep -q '^key-ec-p256  *ec-p256 *enabled'
	ctl key show --domain $WEB key-ec-p256 | grep -q 'BEGIN PUBLIC KEY'
	ctl key list --domain $WEB --json | grep -q '"key-ed25519"'
}

a_second_key_of_the_same_name_is_refused() {
	fails 1 already ctl key generate --domain $WEB --type aes-256 web-data
}

a_disabled_key_is_refused_until_enabled() {
	ctl key disable --domain $WEB key-ec-p256
	fails 1 disabled client $WEB sign key-ec-p256 "$DIR/message" "$DIR/x"
	ctl key enable --domain $WEB key-ec-p256
	client $WEB sign key-ec-p256 "$DIR/message" "$DIR/x"
}

another_domain_is_refused_by_name_and_the_audit_log_says_so() {
	ctl key generate --domain $DB --type ed25519 db-only
	client $DB sign db-only "$DIR/message" "$DIR/x"
	fails 1 'no.*key' client $DB sign key-ec-p256 "$DIR/message" "$DIR/x"
	fails 1 'no.*key' client $WEB sign db-only "$DIR/message" "$DIR/x"
	ctl audit show --event request.refused --domain $DB |
		grep -q key-ec-p256
}

a_deleted_key_is_gone() {
	fails 2 'with --yes' ctl key delete --domain $WEB imported < /dev/null
	ctl key delete --yes --domain $WEB imported
	fails 1 'no.*key' client $WEB sign imported "$DIR/message" "$DIR/x"
	fails 1 'no key\|not' ctl key show --domain $WEB imported
}

a_name_resolves_to_the_uuid_of_its_configuration() {
	printf 'name = "web"\nuuid = "%s"\n' $WEB > "$DIR/xen/web.cfg"
	printf 'name = "db"\n' > "$DIR/xen/db.cfg"
	[ "$(ctl domain resolve web)" = $WEB ]
	ctl key list --domain web | grep -q key-ed25519
	fails 1 'uuid = "........-....-4' ctl key list --domain db
	fails 1 'nobody' ctl key list --domain nobody
}

a_daemon_that_is_not_there_is_exit_status_3() {
	fails 3 'is vhsmd running' "$BUILD/vhsmctl" status \
		--run-dir "$DIR/nowhere"
	fails 2 usage ctl key generate --domain $WEB nameless
}

options_stand_before_the_command_too() {
	"$BUILD/vhsmctl" --run-dir "$DIR/run" --json key list --domain $WEB |
		grep -q '"key-ed25519"'
	"$BUILD/vhsmctl" --run-dir="$DIR/run" --domain $WEB key show \
		key-ed25519 | grep -q ed25519
	"$BUILD/vhsmctl" --run-dir "$DIR/run" status --json | grep -q vault
	"$BUILD/vhsmctl" --run-dir "$DIR/run" | grep -q vault
	fails 2 'takes no option' "$BUILD/vhsmctl" --yes status
	fails 2 'needs a value' "$BUILD/vhsmctl" --run-dir
	fails 2 'no command' "$BUILD/vhsmctl" --run-dir "$DIR/run" nothing
}

keys_and_the_log_outlive_the_daemon() {
	ctl audit verify
	ctl unit list | grep -q $WEB
}

a_flipped_byte_in_the_audit_log_is_found() {
	local log
	ctl audit verify
	log=$(find "$DIR/store" -name 'log*.jsonl' | sort | head -n 1)
	sed -i '0,/"type":"ec-p256"/s//"type":"ec-p384"/' "$log"
	fails 4 'not whole' ctl audit verify
}

behaviour openssl_verifies_a_p256_signature
behaviour openssl_verifies_an_ed25519_signature
behaviour what_is_encrypted_is_decrypted_and_a_changed_tag_refused
behaviour an_imported_key_signs_as_its_original
behaviour a_key_is_listed_and_shown
behaviour a_second_key_of_the_same_name_is_refused
behaviour a_disabled_key_is_refused_until_enabled
behaviour another_domain_is_refused_by_name_and_the_audit_log_says_so
behaviour a_deleted_key_is_gone
behaviour a_name_resolves_to_the_uuid_of_its_configuration
behaviour a_daemon_that_is_not_there_is_exit_status_3
behaviour options_stand_before_the_command_too
daemon_kill TERM
daemon_start
behaviour keys_and_the_log_outlive_the_daemon
behaviour a_flipped_byte_in_the_audit_log_is_found
finish
