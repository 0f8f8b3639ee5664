# shellcheck shell=dash disable=SC2034 # for who reads this
# orproxy.conf from UCI's package orproxy. To be read by a script that has config_load of
# OpenWrt's /lib/functions.sh, which calls config_cb for each section and at the end, option_cb
# and list_cb for what is in it.
#
#   config_load orproxy
#   orproxy_conf ADDRESS    prints the settings; ADDRESS is served beside loopback, if there is
#                           a key for clients
#
# main_enabled, main_network, main_state and client_keys are for the script.

main_enabled=0 main_network=lan main_port=8787 main_state='' main_include='' client_keys=''
top='' sections='' list='' list_value=''

# Lines of the section that is read: above all others, or in its place.
put() { # TEXT
	if [ "$type" = orproxy ]; then top="$top$1
"; else body="$body$1
"; fi
}

put_setting() { # NAME VALUE
	case $2 in
	*'
'* | '#'* | *' #'* | *'	#'*)
		# would be the start of something else there
		logger -s -t orproxy "option $1 has a # or a line end in it and is left out"
		return ;;
	esac
	put "$1 = $2"
}

end_list() {
	[ -z "$list" ] || put_setting "$list" "$list_value"
	list=
}

config_cb() { # TYPE NAME
	end_list
	case ${type-} in
	'' | orproxy) ;;
	limits | timeout | organization) sections="$sections
[$type]
$body" ;;
	*) sections="$sections
[$type $title]
$body" ;;
	esac
	type=${1-} title=${2-} body=
}

option_cb() { # NAME VALUE
	end_list
	case $type:$1 in
	orproxy:enabled) main_enabled=$2 ;;
	orproxy:network) main_network=$2 ;;
	orproxy:port) main_port=$2 ;;
	orproxy:include) main_include=$2 ;;
	orproxy:state) main_state=$2; put_setting state "$2" ;;
	*:section) title=$2 ;;
	*:key_file)
		[ "$type" != key ] || client_keys="$client_keys $2"
		put_setting key "file:$2" ;;
	*) put_setting "$1" "$2" ;;
	esac
}

list_cb() { # NAME VALUE, an entry at a time: with commas between, or a line for each
	case $1 in
	key_file | listen) option_cb "$1" "$2" ;;
	"$list") list_value="$list_value, $2" ;;
	*) end_list; list=$1 list_value=$2 ;;
	esac
}

orproxy_conf() { # ADDRESS
	echo '# Made by /etc/init.d/orproxy from /etc/config/orproxy at each start.'
	echo "listen = 127.0.0.1:$main_port"
	[ -z "$1" ] || [ -z "$client_keys" ] || echo "listen = $1:$main_port"
	printf '%s%s' "$top" "$sections"
	[ -z "$main_include" ] || cat "$main_include"
}
