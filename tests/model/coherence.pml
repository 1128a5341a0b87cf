/* SPDX-License-Identifier: MIT */
/*
 * coherence.pml - the coherence protocol of docs/coherence.md, and everything that may go wrong around it.
 *
 * One Redis, one database, one process of api with a near cache. Each atomic or d_step block is one step that the
 * others cannot split: a script in Redis, a statement of the database, one hold of a lock. Between two steps anything
 * may happen, and each process may crash there. What is called an assertion is checked in every state reached.
 *
 *   I1     after INVALIDATE(k, w) ran, Redis serves no value of k older than w
 *   I3     a near-cache hit misses no event that was published more than LIMIT ticks ago
 *   FRESH  when writers, relays, readers and faults have come to rest and the subscriber has asked once more, whatever
 *          Redis or the near cache would serve equals the database
 *   OWN    once api has passed on the answer of a write, its near cache serves nothing older than that write
 *
 * Every loop has a budget, so each execution ends (run.py has that checked too): "eventually" is "at the end", where
 * FRESH is asserted. An execution that cannot come there, such as one with a mark that nobody clears (I2) or an answer
 * that is never passed on, is an invalid end state or a cycle. No fairness is assumed.
 *
 * What stands for what: `value` is the database's version at the moment a value was read, which is what the checks
 * compare; `version` is what the protocol knows (they differ for a row that is not there). Time has no clock: a lease
 * or a soft expiry may be over whenever somebody asks, and a tick is one period of the subscriber's question.
 *
 * run.py gives the bounds. -DMUTANT_… leaves one rule out.
 */

#ifndef KEYS
#define KEYS 1           /* keys that are written; they share one stripe of the near cache */
#endif
#ifndef WRITERS
#define WRITERS 2        /* one write each, of key (writer % KEYS) */
#endif
#ifndef READERS
#define READERS 2        /* of key 0: api's read, with data's load when it misses */
#endif
#ifndef READS
#define READS 1          /* by each reader */
#endif
#ifndef RELAYS
#define RELAYS 1
#endif
#ifndef FAULTS
#define FAULTS 2         /* acts of the nemesis and crashes of relays; all other crashes are free */
#endif
#ifndef QUESTIONS
#define QUESTIONS 1      /* of the subscriber, besides the last one */
#endif
#ifndef TICKS
#define TICKS 0          /* 0: no time passes, so I3 is not examined */
#endif
#ifndef DELETES
#define DELETES 0        /* 1: a write may also take the row away or bring it back */
#endif
#ifndef JOINS
#define JOINS 0          /* 1: a reader may join the load of another in the same process */
#endif

#ifndef WARM
#define WARM 0           /* 1: at the start Redis, its RDB file and the near cache hold every row */
#endif
#ifndef UNANSWERED
#define UNANSWERED 0     /* 1: a question may go without an answer */
#endif
#ifndef ANSWERS
#define ANSWERS 0        /* 1: writes of key 0 came through api, whose answer waits for the event; OWN is examined */
#endif

#define KEY       0      /* the key that is read; others are only written */
#define LIMIT     1      /* ticks that an answered question counts for */
#define QUEUE     2      /* events on their way to the subscriber; Redis cuts off a subscriber with more */
#define MAX_VERSION (WRITERS + 1)
#define UNKNOWN   255

/* ---- the database: rows, versions and the set of dirty marks ---- */

byte sequence = 1;       /* the last version drawn */
byte row[KEYS] = 1;      /* the version of the last committed write */
bool row_is_there[KEYS] = true;
#ifdef MUTANT_LAGGING_REPLICA
byte before[KEYS] = 1;   /* what the replica still shows */
#endif
byte mark[KEYS];         /* dirty(kind, reference, version); 0: none */
bool row_lock[KEYS];

/* ---- Redis ---- */

typedef record {         /* freshet.cache.v1.Record */
    bool present = WARM;
    bool has_value = WARM;    /* kind is FOUND or NOT_FOUND */
    byte version = WARM;
    byte value = WARM;
    byte floor;
    byte token;          /* 0: none */
    byte incarnation = WARM
}

record redis[KEYS];
byte counter = 1;        /* 0: there is no such key */
byte highest = 1;        /* the greatest number drawn so far; stands for the clock that a new counter starts from */
byte incarnation = 1;
record saved[KEYS];      /* the RDB file */
byte saved_counter = WARM;

/* ---- the subscription ---- */

chan events = [QUEUE] of { byte, byte };    /* number, key */
bool connected = true;   /* Redis has the subscription; a subscriber whose connection was cut may not know yet */

/* ---- api: subscriber and near cache ---- */

#define LOST       0
#define SUBSCRIBED 1     /* acknowledged */
#define BASE_LINED 2
#define WHOLE      3

byte stage = WHOLE;
byte delivered = 1;      /* the number of the last event; the base-line */
byte known_incarnation = 1;    /* of the Redis that has this subscription, from INFO on its own connection */
byte age;                /* ticks since the last good question was sent */
byte asked;              /* a question that Redis has answered, and not yet what follows: */
#define WAITING  1       /* for the events up to `target` */
#define HOPELESS 2       /* another incarnation */
byte target;
byte asked_age;          /* ticks since it was sent */

bool near_has[KEYS] = WARM;
byte near_value[KEYS] = WARM;
bool moved[READERS];     /* the stripe's counter has moved since this reader noted it */

/* ---- api: the answer of update, which names its event and waits to be passed on (ANSWERS) ---- */

#if ANSWERS > 0
byte told;               /* the event's number; 0: no answer waits */
byte told_incarnation;   /* of the Redis that drew it */
byte told_version;       /* what was written */
bool asked_since;        /* the question under way was asked after that */
bool proved;             /* such a question has found all delivered */
byte answered;           /* the greatest version whose answer was passed on */
bool OWN = true;
#endif

/* ---- loads that others may join (JOINS) ---- */

bool loading[READERS];
byte joined[READERS];    /* 0 no, 1 waits, 2 has the value, 3 sent away */
byte handed[READERS];

/* ---- budgets, and what only the checks know ---- */

byte faults = FAULTS, ticks = TICKS, questions = QUESTIONS;
byte busy = WRITERS + READERS + RELAYS;
byte writing = WRITERS;
bool closing;
byte began_writers, began_readers;
byte invalidated[KEYS];  /* the greatest w of an INVALIDATE that ran */
byte published[MAX_VERSION + 1];    /* 0: not published; otherwise 1 + ticks since, no more than LIMIT + 2 */
bool I1 = true, I3 = true, FRESH = true;

#ifdef MUTANT_NO_INCARNATION
#define IS_OURS(k) true
#else
#define IS_OURS(k) (redis[k].incarnation == incarnation)
#endif
#define SERVES(k) (redis[k].present && IS_OURS(k) && redis[k].has_value && redis[k].version >= redis[k].floor)

inline check_I1(k)
{
    I1 = (!SERVES(k) || redis[k].value >= invalidated[k]);
    assert(I1)
}

inline erase_record(it)
{
    it.present = false;
    it.has_value = false;
    it.version = 0;
    it.value = 0;
    it.floor = 0;
    it.token = 0;
    it.incarnation = 0
}

inline copy_record(to, from)
{
    to.present = from.present;
    to.has_value = from.has_value;
    to.version = from.version;
    to.value = from.value;
    to.floor = from.floor;
    to.token = from.token;
    to.incarnation = from.incarnation
}

/* What is saved does not matter any more when nothing can bring it back. */
inline use_fault()
{
    faults--;
    if
    :: faults == 0 ->
        erase_record(saved[KEY]);
        saved_counter = 0
    :: else
    fi
}

/* ---- the scripts (src/cache/scripts.c), one inline each ---- */

#define ANSWER_VALUE   0
#define ANSWER_GRANTED 1
#define ANSWER_WAIT    2

/* soft_over: the value is past its soft expiry. lease_over: the lease that stands there has ended. */
inline LEASE(k, its_token, soft_over, lease_over, answer, answer_floor)
{
    if
    :: !redis[k].present || !IS_OURS(k) ->
        erase_record(redis[k]);
        redis[k].present = true;
        redis[k].incarnation = incarnation;
        redis[k].token = its_token;
        answer = ANSWER_GRANTED
    :: else ->
        if
        :: SERVES(k) && !soft_over -> answer = ANSWER_VALUE
        :: else ->
            if
            :: redis[k].token != 0 && redis[k].token != its_token && !lease_over -> answer = ANSWER_WAIT
            :: else ->
                redis[k].token = its_token;
                answer = ANSWER_GRANTED
            fi
        fi
    fi;
    answer_floor = redis[k].floor
}

#if defined(MUTANT_FILL_ON_ABSENT)
#define FILL_REFUSED(k, its_token, its_version) \
    (redis[k].present && (!IS_OURS(k) || redis[k].token != its_token || its_version < redis[k].floor))
#elif defined(MUTANT_NO_TOKEN)
#define FILL_REFUSED(k, its_token, its_version) \
    (!redis[k].present || !IS_OURS(k) || its_version < redis[k].floor)
#elif defined(MUTANT_VERSION_ONLY)
#define FILL_REFUSED(k, its_token, its_version) \
    (redis[k].present && IS_OURS(k) && its_version < redis[k].version)
#elif defined(MUTANT_NO_FLOOR) || defined(MUTANT_NO_FLOOR_AND_LEASE_KEPT)
#define FILL_REFUSED(k, its_token, its_version) \
    (!redis[k].present || !IS_OURS(k) || redis[k].token != its_token)
#else
#define FILL_REFUSED(k, its_token, its_version) \
    (!redis[k].present || !IS_OURS(k) || redis[k].token != its_token || its_version < redis[k].floor)
#endif

inline FILL(k, its_token, its_version, its_value, stored)
{
    stored = !FILL_REFUSED(k, its_token, its_version);
    if
    :: stored ->
        redis[k].present = true;
        redis[k].incarnation = incarnation;
        redis[k].has_value = true;
        redis[k].version = its_version;
        redis[k].value = its_value;
#if defined(MUTANT_NO_FLOOR) || defined(MUTANT_NO_FLOOR_AND_LEASE_KEPT)
        redis[k].floor = 0;    /* there is none, so nothing else may go by it */
#endif
        redis[k].token = 0
    :: else
    fi;
    check_I1(k)
}

inline INVALIDATE(k, w)
{
    if
    :: !redis[k].present || redis[k].version >= w || redis[k].floor >= w
    :: else ->
#ifdef MUTANT_VERSION_ONLY
        erase_record(redis[k])
#else
        redis[k].floor = w;
#if !defined(MUTANT_LEASE_KEPT) && !defined(MUTANT_NO_FLOOR_AND_LEASE_KEPT)
        redis[k].token = 0
#endif
#endif
    fi;
    if
    :: invalidated[k] < w -> invalidated[k] = w
    :: else
    fi;
    check_I1(k)
}

/*
 * A counter that is not there starts above every number that was ever drawn (from Redis's clock), and never at the
 * one that a subscriber waits for.
 */
inline PUBLISH(k, w)
{
    if
    :: counter == 0 ->
#ifdef MUTANT_COUNTER_FROM_ONE
        counter = 1
#else
        counter = highest + 2
#endif
    :: else -> counter++
    fi;
    if
    :: counter > highest -> highest = counter
    :: else
    fi;
    if
    :: connected && nfull(events) -> events!counter,k
    :: connected && full(events) -> connected = false
    :: !connected
    fi;
    if
    :: TICKS > 0 && published[w] == 0 -> published[w] = 1
    :: else
    fi
}

/* ---- update and data: writes, and the relay that announces them ---- */

/* The pair of one mark, in this order. Each may be the last thing that a crashed process did. */
#ifdef MUTANT_PUBLISH_BEFORE_INVALIDATE
#define FIRST(k, w)  PUBLISH(k, w)
#define SECOND(k, w) INVALIDATE(k, w)
#else
#define FIRST(k, w)  INVALIDATE(k, w)
#define SECOND(k, w) PUBLISH(k, w)
#endif

#ifdef MUTANT_CLEAR_ANY_VERSION
#define MARK_IS(k, w) (mark[k] != 0)
#else
#define MARK_IS(k, w) (mark[k] == w)
#endif

inline clear_mark(k, w)
{
    if
    :: MARK_IS(k, w) -> mark[k] = 0
    :: else
    fi
}

#ifdef MUTANT_RELAY_BY_ID
bool logged[MAX_VERSION + 1];
byte read_up_to = 1;
#define IS_NEW(w) (logged[w] && read_up_to < w)
#endif

#define WRITER (_pid)
#define WRITES_KEY (WRITER % KEYS)

active [WRITERS] proctype writer()
{
    byte version;

    /* The trigger draws the version under the row's lock. Equal writers may as well begin in order. */
    atomic {
        !row_lock[WRITES_KEY] && began_writers == WRITER ->
        began_writers++;
        sequence++;
        version = sequence;
        printf("writer %d: draws version %d\n", WRITER, version);
#if KEYS > 1
        row_lock[WRITES_KEY] = true    /* with one key the lock lets nobody see what is between draw and commit */
    }
    /* COMMIT: the row and its mark, or neither. */
    atomic {
        row_lock[WRITES_KEY] = false;
#endif
        if
        :: goto done    /* a crash: the transaction never was */
        :: true
        fi;
        if
        :: DELETES > 0 -> row_is_there[WRITES_KEY] = !row_is_there[WRITES_KEY]
        :: row_is_there[WRITES_KEY]
        fi;
        d_step {
#ifdef MUTANT_LAGGING_REPLICA
            before[WRITES_KEY] = row[WRITES_KEY];
#endif
            row[WRITES_KEY] = version;
            mark[WRITES_KEY] = version;
#ifdef MUTANT_RELAY_BY_ID
            logged[version] = true;
#endif
            printf("writer %d: commits version %d\n", WRITER, version)
        }
    }
done:
    atomic { version = 0; writing--; busy-- }
}

/*
 * Whoever announces a mark: the process of update that committed it, right away or after a time without Redis; or the
 * relay of any process, which finds what a crash left. A crash at any step begins anew at the marks.
 */
inline crash()
{
    printf("relay: crashes\n");
    use_fault();
    key = 0;
    version = 0
}

/* Redis has taken both halves: update answers api. Of several answers that are under way one is followed. */
inline tell(k, w)
{
    if
    :: k == KEY && told == 0 ->
        told = counter;
        told_incarnation = incarnation;
        told_version = w;
        asked_since = false;
        printf("relay: update answers, version %d is event %d\n", w, told)
    :: else
    fi
}

active [RELAYS] proctype relay()
{
    byte key, version;

poll:
    atomic {
        if
#ifdef MUTANT_RELAY_BY_ID
        :: IS_NEW(2) -> key = 0; version = 2; read_up_to = 2
        :: !IS_NEW(2) && IS_NEW(3) -> key = 1; version = 3; read_up_to = 3
        :: writing == 0 && !IS_NEW(2) && !IS_NEW(3) -> goto done
#else
        :: mark[0] != 0 -> key = 0; version = mark[0]
#if KEYS > 1
        :: mark[1] != 0 -> key = 1; version = mark[1]
        :: writing == 0 && mark[0] == 0 && mark[1] == 0 -> goto done
#else
        :: writing == 0 && mark[0] == 0 -> goto done
#endif
#endif
        fi;
        printf("relay: finds version %d of key %d\n", version, key)
    }
#ifdef MUTANT_MARK_CLEARED_FIRST
    if
    :: atomic { faults > 0 -> crash(); goto poll }
    :: d_step { clear_mark(key, version); printf("relay: clears the mark\n") }
    fi;
#endif
    if
    :: atomic { faults > 0 -> crash(); goto poll }
    :: d_step { FIRST(key, version); printf("relay: announces, the first half\n") }
    fi;
    if
    :: atomic { faults > 0 -> crash(); goto poll }
    :: d_step {
            SECOND(key, version);
            printf("relay: the second half\n");
#if ANSWERS > 0
            tell(key, version)
#endif
        }
    fi;
    if
    :: atomic { faults > 0 -> crash() }
    :: d_step { clear_mark(key, version); key = 0; version = 0; printf("relay: clears the mark\n") }
    fi;
    goto poll;
done:
    atomic { key = 0; version = 0; busy-- }
}

/* ---- api's read with data's load ---- */

#define READER (_pid - WRITERS - RELAYS)
#define OTHER  (1 - READER)
#ifdef MUTANT_TOKEN_PER_CLIENT
#define TOKEN  1
#else
/* Unique while it matters: a reader has one miss at a time, and a fill of an older one is played by the other. */
#define TOKEN  (READER + 1)
#endif

/* The value a load reads, in a snapshot that begins now. */
inline read_database(its_value, its_version, its_floor)
{
    its_value = row[KEY];
    its_version = (row_is_there[KEY] -> row[KEY] : its_floor)
}

inline end_load(stored, its_value)
{
    loading[READER] = false;
#if JOINS > 0
    if
#ifdef MUTANT_SHARE_ANY_LOAD
    :: joined[OTHER] == 1 && its_value != 0 -> joined[OTHER] = 2; handed[OTHER] = its_value
#endif
    :: joined[OTHER] == 1 && stored -> joined[OTHER] = 2; handed[OTHER] = its_value
    :: joined[OTHER] == 1 && !stored -> joined[OTHER] = 3
    :: else
    fi
#endif
}

inline check_I3()
{
    byte w;
    for (w : 2 .. MAX_VERSION) {
        I3 = (I3 && (near_value[KEY] >= w || (w - 2) % KEYS != KEY || published[w] <= LIMIT + 1))
    }
    w = 0;
    assert(I3)
}

/* Whatever the near cache has, somebody may read next. */
inline check_OWN()
{
    OWN = (!near_has[KEY] || stage != WHOLE || near_value[KEY] >= answered);
    assert(OWN)
}

#ifdef MUTANT_NO_CLOCK_CHECK
#define NEAR_SERVES (stage == WHOLE && near_has[KEY])
#else
#define NEAR_SERVES (stage == WHOLE && near_has[KEY] && age <= LIMIT)
#endif

active [READERS] proctype reader()
{
    byte reads = READS, value, version, floor, answer;
    bool soft_over, lease_over, stored;

begin:
    /*
     * Notes the counter, looks into the near cache, GETs and LEASEs in one step: what happens between these is the same
     * as before all of them, but for a counter that moves, which refuses one insert more.
     */
    atomic {
        began_readers >= READER;
        if
        :: began_readers == READER -> began_readers++
        :: else
        fi;
        moved[READER] = false;
        if
#if TICKS > 0
        :: NEAR_SERVES ->
            d_step { check_I3(); printf("reader %d: near hit %d\n", READER, near_value[KEY]) };
            goto over
#endif
        :: true -> near_has[KEY] = false; near_value[KEY] = 0    /* never kept, expired or evicted */
        fi;
        if
        :: SERVES(KEY) ->
            value = redis[KEY].value;
            printf("reader %d: GET hits %d\n", READER, value);
            if
            :: goto insert
            :: soft_over = true; value = 0    /* and is to be refreshed early */
            fi
        :: else -> printf("reader %d: GET misses\n", READER)
        fi;
#if JOINS > 0
        if
        :: loading[OTHER] -> joined[READER] = 1; goto wait
        :: true
        fi;
#endif
#ifdef MUTANT_SNAPSHOT_BEFORE_LEASE
        read_database(value, version, floor);
        printf("reader %d: reads %d\n", READER, value)
    }
    atomic {
#endif
        if
        :: redis[KEY].token != 0 -> lease_over = true
        :: true
        fi;
        d_step {
            LEASE(KEY, TOKEN, soft_over, lease_over, answer, floor);
            soft_over = false;
            lease_over = false;
            printf("reader %d: LEASE gives %d, floor %d\n", READER, answer, floor)
        }
        if
        :: answer == ANSWER_GRANTED -> loading[READER] = true
        :: answer != ANSWER_GRANTED && SERVES(KEY) -> answer = 0; value = redis[KEY].value; goto insert
        :: else -> goto over    /* somebody else loads: gives up, which is no worse than to wait */
        fi
    }
#ifndef MUTANT_SNAPSHOT_BEFORE_LEASE
    atomic {
        if
        :: goto over
        :: read_database(value, version, floor)
#ifdef MUTANT_LAGGING_REPLICA
        :: value = before[KEY]; version = value
#endif
        fi;
        printf("reader %d: reads %d\n", READER, value)
    }
#endif
    atomic {
        if
        :: goto over
        :: true
        fi;
        d_step {
#ifdef MUTANT_NOT_FOUND_BY_SEQUENCE
            version = (version == floor -> sequence : version);
#endif
            FILL(KEY, TOKEN, version, value, stored);
            printf("reader %d: FILL of %d stored: %d\n", READER, value, stored);
#if JOINS > 0
#ifndef MUTANT_JOIN_AFTER_FILL
            loading[READER] = false;
#endif
            version = 0;
            floor = 0;
            answer = 0
        }
    }
    /* The answer may take its time, and INVALIDATE and the event come before it. */
    atomic {
        if
        :: goto over
        :: true
        fi;
        d_step {
#endif
            end_load(stored, value);
            stored = false;
            version = 0;
            floor = 0;
            answer = 0
        }
    }

insert:
    atomic {
        if
        :: goto over
        :: true
        fi;
        /* Only if the counter has not moved; check and insert are one step. */
#ifndef MUTANT_INSERT_WITHOUT_COUNTER
        if
        :: moved[READER] -> goto over
        :: else
        fi;
#endif
#ifdef MUTANT_INSERT_NOT_ATOMIC
    }
    atomic {
#endif
        near_has[KEY] = true;
        near_value[KEY] = value;
        printf("reader %d: inserts %d\n", READER, value);
#if ANSWERS > 0
        check_OWN();
#endif
        goto over
    }

#if JOINS > 0
    /* One of several that share a load. It has the value only if the fill was stored. */
wait:
    if
    :: atomic { joined[READER] == 2 -> joined[READER] = 0; value = handed[READER]; handed[READER] = 0; goto insert }
    :: atomic { joined[READER] == 3 -> joined[READER] = 0; goto over }
    fi;
#endif

over:
    atomic {
        d_step {
            end_load(false, 0);
            value = 0;
            version = 0;
            floor = 0;
            answer = 0;
            soft_over = false;
            stored = false;
            moved[READER] = false;
            reads--
        }
        if
        :: reads > 0 -> goto begin
        :: else -> busy--
        fi
    }
}

/* ---- api's subscriber ---- */

/* The stripe's counter moves for everybody who noted it. */
inline move_counter()
{
    moved[0] = true;
#if READERS > 1
    moved[1] = true
#endif
}

inline drop()
{
    printf("subscriber: drops the near cache\n");
    near_has[KEY] = false;
    near_value[KEY] = 0;
#ifndef MUTANT_DROP_MOVES_NO_COUNTER
    move_counter()
#endif
}

inline apply_event(number, key)
{
    printf("subscriber: hears event %d\n", number);
    if
    :: key == KEY -> near_has[0] = false; near_value[0] = 0
    :: else
    fi;
    move_counter();    /* one stripe for all keys */
    if
    :: stage >= BASE_LINED ->
        if
#ifdef MUTANT_NO_BASE_LINE
        :: delivered == UNKNOWN
#endif
#ifndef MUTANT_GAP_IGNORED
        :: delivered != UNKNOWN && number != delivered + 1 -> drop()
#endif
        :: else
        fi;
        delivered = number
    :: else
    fi
}

/*
 * Did I hear all that Redis has counted? Redis reads counter and incarnation in one step, and makes a counter that is
 * not there: a base-line without a counter could come back after events were lost.
 */
inline draw_counter()
{
    if
#ifndef MUTANT_QUESTION_MAKES_NO_COUNTER
    :: counter == 0 -> counter = highest + 2; highest = counter
#endif
    :: else
    fi
}

#ifdef MUTANT_QUESTION_WITHOUT_INCARNATION
#define SAME_INCARNATION true
#else
#define SAME_INCARNATION (incarnation == known_incarnation)
#endif

/* Without time and answers, a question that is found good would change nothing. */
#define GOOD_MATTERS (TICKS > 0 || ANSWERS > 0)

inline ask()
{
    draw_counter();
    printf("subscriber: asks; the counter is %d\n", counter);
    if
    :: delivered == UNKNOWN -> delivered = counter
    :: else
    fi;
    if
    :: !SAME_INCARNATION -> asked = HOPELESS
    :: SAME_INCARNATION && (delivered < counter || GOOD_MATTERS) -> asked = WAITING; target = counter; asked_age = 0
    :: else
    fi;
#if ANSWERS > 0
    asked_since = (asked == WAITING && told != 0)
#endif
}

inline forget_question()
{
#if ANSWERS > 0
    asked_since = false;
#endif
    asked = 0;
    target = 0;
    asked_age = 0
}

/* fr_subscription_covers: nothing that the near cache would serve is older than what the answer tells of. */
#define HEARD (told <= delivered && told_incarnation == known_incarnation)
#if defined(MUTANT_ANSWER_AT_ONCE)
#define COVERED true
#elif defined(MUTANT_ANSWER_OF_ANY_LIFE)
#define COVERED (stage != WHOLE || told <= delivered || proved)
#elif defined(MUTANT_ANSWER_BY_EVENT_ALONE)
#define COVERED (stage != WHOLE || HEARD)
#else
#define COVERED (stage != WHOLE || HEARD || proved)
#endif

inline forget_answer()
{
    told = 0;
    told_incarnation = 0;
    told_version = 0;
    asked_since = false;
    proved = false
}

active proctype subscriber()
{
    byte number, key;
    bool last_asked;

    do
    :: d_step {
            nempty(events) && stage >= SUBSCRIBED ->
            events?number,key;
            apply_event(number, key);
            number = 0;
            key = 0
        }

    /* Once in every period; the last one when all is quiet. */
    :: d_step {
            stage == WHOLE && asked == 0 && questions > 0 && !closing &&
            (GOOD_MATTERS || delivered != counter || !SAME_INCARNATION) ->
            questions--;
            ask()
        }
    :: d_step { stage == WHOLE && asked == 0 && closing && !last_asked && empty(events) -> last_asked = true; ask() }
    :: d_step {
            asked == WAITING && delivered >= target ->
            printf("subscriber: all is heard\n");
#ifdef MUTANT_CLOCK_FROM_ANSWER
            age = 0;
#else
            age = asked_age;
#endif
#if ANSWERS > 0
#ifdef MUTANT_ANSWER_BY_EARLIER_QUESTION
            proved = (told != 0);
#else
            proved = (proved || asked_since);
#endif
#endif
            forget_question()
        }
    /* It was not heard in time, or never will be. The connection may be as good as ever, or replaced to be sure. */
    :: atomic {
            asked == WAITING && delivered < target ->
            d_step { drop(); forget_question() }
            if
            :: stage = SUBSCRIBED
            :: !closing -> stage = LOST
            fi
        }
    /* What this connection still delivers comes from another life of Redis, whose numbers may be the same. */
    :: d_step {
            asked == HOPELESS ->
            drop();
            forget_question();
#ifdef MUTANT_BASE_LINE_OF_ANOTHER_LIFE
            stage = SUBSCRIBED
#else
            stage = LOST
#endif
        }
#if UNANSWERED > 0
    :: d_step {
            asked != 0 && !closing ->
            printf("subscriber: no answer\n");
            drop();
            stage = LOST;
            forget_question()
        }
#endif

    /* The connection is found to be gone. */
    :: d_step {
#ifdef MUTANT_BASE_LINE_BEFORE_SUBSCRIBE
            stage == WHOLE &&
#endif
            !connected && stage != LOST && empty(events) ->
            printf("subscriber: is cut off\n");
            stage = LOST;
            forget_question()
        }

    /* Subscribe, base-line, drop, serve: in this order. */
    :: d_step {
            stage == LOST ->
            printf("subscriber: subscribes\n");
            do
            :: nempty(events) -> events?number,key
            :: empty(events) -> break
            od;
            number = 0;
            key = 0;
#ifndef MUTANT_BASE_LINE_BEFORE_SUBSCRIBE
            connected = true;
#endif
            known_incarnation = incarnation;
            stage = SUBSCRIBED;
#ifdef MUTANT_BASE_LINE_AFTER_DROP
            drop()
#endif
        }
    :: d_step {
            stage == SUBSCRIBED ->
            draw_counter();
            printf("subscriber: base-line %d\n", counter);
            age = 0;
#ifdef MUTANT_BASE_LINE_OF_ANOTHER_LIFE
            known_incarnation = incarnation;
#endif
#ifdef MUTANT_NO_BASE_LINE
            delivered = UNKNOWN;
#else
            delivered = counter;
#endif
#if ANSWERS > 0
            proved = (proved || (told != 0 && SAME_INCARNATION));
#endif
            stage = (SAME_INCARNATION -> BASE_LINED : LOST)
        }
    :: d_step {
            stage == BASE_LINED ->
#if !defined(MUTANT_NO_DROP_AFTER_RECONNECT) && !defined(MUTANT_BASE_LINE_AFTER_DROP)
            drop();
#endif
#ifdef MUTANT_BASE_LINE_BEFORE_SUBSCRIBE
            connected = SAME_INCARNATION;
#endif
            stage = WHOLE;
#if ANSWERS > 0
            check_OWN()
#endif
        }

#if ANSWERS > 0
    /* The answer is passed on: from here on whoever wrote may read. */
    :: d_step {
            told != 0 && COVERED ->
            printf("subscriber: passes the answer of version %d on\n", told_version);
            answered = (told_version > answered -> told_version : answered);
            forget_answer();
            check_OWN()
        }
#endif

    /* Everybody else is done: no more faults, one more question, and the end. */
    :: d_step { busy == 0 && !closing -> closing = true }
#if ANSWERS > 0
    :: last_asked && asked == 0 && stage == WHOLE && empty(events) && told == 0 -> break
#else
    :: last_asked && asked == 0 && stage == WHOLE && empty(events) -> break
#endif
    od;
    atomic {
        FRESH = ((!SERVES(KEY) || redis[KEY].value == row[KEY]) && (!near_has[KEY] || near_value[KEY] == row[KEY]));
        assert(FRESH)
    }
}

/* ---- the nemesis ---- */

inline flush()
{
    byte k;
    for (k : 0 .. KEYS - 1) {
        erase_record(redis[k])
    }
    k = 0;
    counter = 0
}

/* Every connection goes; the subscriber may be the last to notice. */
inline restart()
{
    byte k;
    incarnation++;
    counter = saved_counter;
    connected = false;
    for (k : 0 .. KEYS - 1) {
        copy_record(redis[k], saved[k]);
        check_I1(k)
    }
    k = 0
}

#define MAY_HARM (faults > 0 && !closing)

active proctype nemesis()
{
    byte number, key;
    bool has_saved;

end:
    do
    :: d_step {
            MAY_HARM && redis[KEY].present ->
            use_fault();
            erase_record(redis[KEY]);
            printf("nemesis: evicts the key\n")
        }
    :: d_step { MAY_HARM && counter != 0 -> use_fault(); counter = 0; printf("nemesis: evicts the counter\n") }
    :: d_step { MAY_HARM -> use_fault(); flush(); printf("nemesis: FLUSHALL\n") }
    :: d_step {
            MAY_HARM && !has_saved ->
            has_saved = true;
            copy_record(saved[KEY], redis[KEY]);
            saved_counter = counter;
            printf("nemesis: Redis saves\n")
        }
    :: d_step { MAY_HARM -> restart(); use_fault(); printf("nemesis: restarts Redis with what it saved\n") }
    :: d_step { MAY_HARM && connected -> use_fault(); connected = false; printf("nemesis: cuts the subscription\n") }
    :: d_step {
            MAY_HARM && nempty(events) ->
            use_fault();
            events?number,key;
            number = 0;
            key = 0;
            printf("nemesis: loses an event\n")
        }
    :: d_step {
            MAY_HARM && nempty(events) && nfull(events) ->
            use_fault();
            events?<number,key>;
            events!number,key;
            number = 0;
            key = 0;
            printf("nemesis: repeats an event\n")
        }
    :: d_step {
            MAY_HARM && len(events) > 1 ->
            use_fault();
            events?number,key;
            events!number,key;
            number = 0;
            key = 0;
            printf("nemesis: delays an event\n")
        }
    /* api starts anew: an insert under way dies with it, a load in data goes on. */
    :: d_step {
            MAY_HARM ->
            use_fault();
            drop();
            move_counter();
            stage = LOST;
            connected = false;
            delivered = 0;
            known_incarnation = 0;
            forget_question();
#if ANSWERS > 0
            forget_answer();
#endif
            printf("nemesis: restarts api\n")
        }
#if TICKS > 0
    :: d_step {
            ticks > 0 && !closing ->
            ticks--;
            printf("nemesis: time passes\n");
            age = (age <= LIMIT -> age + 1 : age);
            asked_age = (asked != 0 && asked_age <= LIMIT -> asked_age + 1 : asked_age);
            for (number : 2 .. MAX_VERSION) {
                if
                :: published[number] > 0 && published[number] < LIMIT + 2 -> published[number]++
                :: else
                fi
            }
            number = 0
        }
#endif
    od
}
