/*
 * rules.yar - what Linux rootkits that are public leave in memory, for the
 * check "yara"; a baseline's copy may have rules of its own.
 *
 * Plain strings of at least four bytes: then YARA looks only where one stands.
 * Most rules ask for two of them, so that a word in somebody's text is not
 * enough.
 */

rule diamorphine
{
    meta:
        description = "Diamorphine, a kernel module that hides itself, files and processes and gives root by signal"
    strings:
        $name = "diamorphine_init"
        $exit = "diamorphine_cleanup"
        $magic = "diamorphine_secret"
        $hacked = "hacked_getdents64"
        $kill = "hacked_kill"
        $hide = "module_hidden"
    condition:
        any of ($name, $exit, $magic) and 1 of ($hacked, $kill, $hide)
}

rule reptile
{
    meta:
        description = "Reptile, a kernel module with a backdoor and hidden processes, files and connections"
    strings:
        $shell = "/reptile/reptile_shell"
        $cmd = "/reptile/reptile_cmd"
        $start = "/reptile/reptile_start"
        $rc = "/reptile/reptile_rc"
        $module = "reptile_module"
        $khook = "khook_init"
    condition:
        2 of them
}

rule suterusu
{
    meta:
        description = "Suterusu, a kernel module that hooks functions inline"
    strings:
        $a = "suterusu"
        $b = "hide_promisc"
        $c = "hijack_start"
        $d = "hijack_pause"
    condition:
        $a and 1 of ($b, $c, $d)
}

rule adore_ng
{
    meta:
        description = "Adore-ng, a kernel module that hides by the file system's own functions"
    strings:
        $a = "adore_init"
        $b = "adore_cleanup"
        $c = "adore_root_filldir"
        $d = "adore_proc_lookup"
    condition:
        2 of them
}

rule azazel
{
    meta:
        description = "Azazel, a preloaded library that hides and opens a shell"
    strings:
        $a = "azazel_init"
        $b = "HIDE_THIS_SHELL=please"
    condition:
        any of them
}

rule jynx2
{
    meta:
        description = "Jynx2, a preloaded library that hides and opens a shell"
    strings:
        $a = "XxJynx"
        $b = "reality.so"
        $c = "/xochikit"
    condition:
        2 of them
}
