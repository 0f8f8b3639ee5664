#include <string.h>

#include "proxy/cli_parts.h"
#include "proxy/mem.h"

/* Free messages from `first` to before `end`, and close the gap. */
static void remove_range(cli_history *h, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++) {
        h->bytes -= h->msgs[i].content.len;
        mem_free((void *)h->msgs[i].content.ptr, h->msgs[i].content.len + 1);
    }
    if (end > first) memmove(h->msgs + first, h->msgs + end, (h->num - end) * sizeof *h->msgs);
    h->num -= end - first;
}

/* The oldest turn behind the system's message, unless it is the last one. */
static bool drop_oldest(cli_history *h)
{
    uint32_t first = h->num > 0 && h->msgs[0].role == OR_ROLE_SYSTEM ? 1 : 0, end = first + 1;
    while (end < h->num && h->msgs[end].role != OR_ROLE_USER) end++;
    if (end >= h->num) return false;
    remove_range(h, first, end);
    return true;
}

bool cli_history_add(cli_history *h, or_role role, or_str text)
{
    char *copy;
    if (h->msgs == NULL) h->msgs = mem_alloc(CLI_MAX_TURNS * sizeof *h->msgs);
    if (h->msgs == NULL) return false;
    if (h->num == CLI_MAX_TURNS && !drop_oldest(h)) return false;
    copy = mem_alloc(text.len + 1); /* never of length 0 */
    if (copy == NULL) return false;
    if (text.len > 0) memcpy(copy, text.ptr, text.len);
    h->msgs[h->num] = (or_msg){.role = role, .content = {copy, text.len}};
    h->num++;
    h->bytes += text.len;
    while (h->bytes > CLI_MAX_HISTORY && drop_oldest(h)) continue;
    return true;
}

void cli_history_drop_last(cli_history *h)
{
    if (h->num > 0) remove_range(h, h->num - 1, h->num);
}

void cli_history_cut(cli_history *h, uint32_t keep)
{
    if (h->num > keep) remove_range(h, keep, h->num);
}

void cli_history_free(cli_history *h)
{
    cli_history_cut(h, 0);
    mem_free(h->msgs, CLI_MAX_TURNS * sizeof *h->msgs);
    h->msgs = NULL;
}
