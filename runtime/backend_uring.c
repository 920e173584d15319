// SPDX-License-Identifier: MIT
/*
 * The io_uring backend.
 *
 * One io_uring_enter a turn does three things: it submits what the tasks
 * queued, waits for a completion or the nearest deadline, and (with
 * DEFER_TASKRUN) is the moment at which the kernel finishes operations. A turn
 * in which completions are there already does not sleep.
 *
 * An exchange is a send linked to a recv, the send silent when it succeeds
 * (CQE_SKIP_SUCCESS): the kernel then posts exactly one completion for the
 * pair, the recv's, or the send's if that failed. Where that cannot be trusted
 * it is one operation after the other. A cancellation may have to name both
 * halves: a linked request cannot be found while its head is under way.
 *
 * A cancellation is a request with a completion of its own, and either may
 * come first; the operation is done when both have come. One that finds
 * nothing although the operation goes on (the kernel was just moving it from
 * one list to another) is asked again.
 *
 * Which features are there is asked of the kernel, not of its version. Those
 * that liburing 2.3 does not know are spelled out here.
 */
#include "runtime/backend.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "runtime/backend_kernel.h"
#include "runtime/rt.h"
#include "runtime/task.h"
#include "runtime/uring_arrivals.h"
#include "runtime/uring_files.h"
#include "runtime/uring_prep.h"
#include "runtime/uring_setup.h"

#define ENTER_ABS_TIMER (1u << 5)
#define ENTER_NO_IOWAIT (1u << 7)
#define FEAT_NO_IOWAIT (1u << 17)
/* After a patient request was sent, waits are patient for so long: the answers
 * of many take that long to come. */
#define PATIENCE_NS (20 * CLOCK_NS_PER_MS)

/* Low bits of user_data beside the operation's address. */
#define TAG_SEND_HALF UINT64_C(1)
#define TAG_CANCEL UINT64_C(2)
#define TAG_TAKEN_BACK UINT64_C(4) /* from the file thread: was cancelled */
#define TAG_MASK UINT64_C(7)

struct uring {
	struct backend base;
	struct io_uring ring;
	uint32_t inflight;
	unsigned enter_flags; /* of every enter */
	bool linked_exchange;
	bool absolute;	       /* waits take an absolute time … */
	bool boot_clock;       /* … on CLOCK_BOOTTIME */
	bool min_wait;	       /* waits can be for several for a while */
	uint32_t patient;      /* answers under way that can wait … */
	int64_t patient_until; /* … for each other until then, MONOTONIC */

	struct uring_aside aside; /* taken while entries were being made */

	/* Where the ring cannot wait on BOOTTIME: a timerfd, always read. */
	int boot_fd;
	int64_t boot_armed;
	uint64_t boot_count;
	struct op boot_op;

	struct uring_files files;
	struct op files_op; /* polls for what the file thread has done */
};

static struct uring *uring_of(struct backend *backend)
{
	return (struct uring *)backend;
}

static _Noreturn void fatal(const char *what, int err)
{
	fprintf(stderr, "runtime: %s: %s\n", what, strerror(-err));
	abort();
}

/* Shows the kernel the entries prepared so far; how many it has not taken.
 * The index array is the identity (set up once), so the tail is all there is
 * to publish. */
static unsigned publish(struct io_uring *ring)
{
	struct io_uring_sq *sq = &ring->sq;

	sq->sqe_head = sq->sqe_tail;
	__atomic_store_n(sq->ktail, sq->sqe_tail, __ATOMIC_RELEASE);
	return sq->sqe_tail - __atomic_load_n(sq->khead, __ATOMIC_ACQUIRE);
}

/* One io_uring_enter: submits everything and waits for `want` completions, but
 * when `min_us` have passed for one, until `ts` (NULL: no end) passed.
 * Interruptions and a full completion queue are for the caller's next turn. */
static void enter_min(struct uring *u, unsigned want, uint32_t min_us,
		      const struct __kernel_timespec *ts)
{
	struct io_uring_getevents_arg arg = {
		.sigmask_sz = _NSIG / 8,
		.pad = min_us, /* min_wait_usec in newer headers */
		.ts = (uint64_t)(uintptr_t)ts,
	};
	unsigned flags = u->enter_flags | IORING_ENTER_GETEVENTS |
			 IORING_ENTER_EXT_ARG;
	unsigned submit = publish(&u->ring);

	if (ts && u->absolute)
		flags |= ENTER_ABS_TIMER;
	u->base.counters->enters++;
	if (want)
		u->base.counters->waits++;
	int res = io_uring_enter2((unsigned)u->ring.enter_ring_fd, submit, want,
				  flags, (void *)&arg, sizeof(arg));
	if (res >= 0 || res == -ETIME || res == -EINTR || res == -EBUSY ||
	    res == -EAGAIN)
		return;
	fatal("io_uring_enter", res);
}

static void enter(struct uring *u, unsigned want,
		  const struct __kernel_timespec *ts)
{
	enter_min(u, want, 0, ts);
}

/* Room for `n` entries that the kernel must see together. */
static void reserve(struct uring *u, unsigned n)
{
	while (io_uring_sq_space_left(&u->ring) < n) {
		enter(u, 0, NULL);
		if (uring_aside_put(&u->aside, &u->ring) < 0)
			fatal("completions", -ENOMEM);
	}
}

static struct io_uring_sqe *next_sqe(struct uring *u)
{
	reserve(u, 1);
	return io_uring_get_sqe(&u->ring);
}

static uint64_t tagged(const struct op *op, uint64_t tag)
{
	return (uint64_t)(uintptr_t)op | tag;
}

static void prep_send(struct uring *u, struct op *op, uint64_t tag,
		      unsigned sqe_flags)
{
	struct io_uring_sqe *sqe = next_sqe(u);

	io_uring_prep_send(
		sqe, op->fd, (const char *)op->u.rw.out + op->progress,
		op->u.rw.out_len - op->progress, MSG_NOSIGNAL | MSG_WAITALL);
	sqe->flags |= (uint8_t)sqe_flags;
	sqe->user_data = tagged(op, tag);
}

static void prep_recv(struct uring *u, struct op *op)
{
	struct io_uring_sqe *sqe = next_sqe(u);

	io_uring_prep_recv(sqe, op->fd, op->u.rw.buf, op->u.rw.len, 0);
	sqe->user_data = tagged(op, 0);
}

static void prep_exchange(struct uring *u, struct op *op)
{
	op->progress = 0;
	op->sent = false;
	if (!u->linked_exchange) {
		prep_send(u, op, TAG_SEND_HALF, 0);
		return;
	}
	reserve(u, 2);
	prep_send(u, op, TAG_SEND_HALF, IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS);
	prep_recv(u, op);
}

/* Queues the operation's entries without counting it. */
static void queue(struct uring *u, struct op *op)
{
	op->state = OP_INFLIGHT;
	op->owed = 1;
	op->arrived = false;
	if (op->code == OP_EXCHANGE) {
		prep_exchange(u, op);
		return;
	}
	struct io_uring_sqe *sqe = next_sqe(u);
	uring_prep(sqe, op);
	uring_files_prep(&u->files, sqe, op);
	sqe->user_data = tagged(op, 0);
}

/* The thread has the operation: its end is listened for. */
static void in_thread(struct uring *u, struct op *op)
{
	op->state = OP_INFLIGHT;
	op->in_thread = true;
	if (u->files_op.state == OP_INFLIGHT)
		return;
	u->files_op.fd = uring_files_fd(&u->files);
	queue(u, &u->files_op);
}

static void uring_submit(struct backend *backend, struct op *op)
{
	struct uring *u = uring_of(backend);

	u->inflight++;
	backend->counters->ops++;
	u->patient += op->patient;
	/* A request is answered soon; what is only listened for may come at any
	 * time, and is no reason to begin waiting for others. */
	if (op->patient && op->code == OP_EXCHANGE)
		u->patient_until = kernel_clock(CLOCK_MONOTONIC) + PATIENCE_NS;
	op->in_thread = false;
	if (op->code == OP_CLOSE)
		uring_files_closed(&u->files, op->fd);
	if (uring_files_take(&u->files, op))
		in_thread(u, op);
	else
		queue(u, op);
}

static void cancel_one(struct uring *u, struct op *op, uint64_t tag)
{
	struct io_uring_sqe *sqe = next_sqe(u);

	io_uring_prep_cancel64(sqe, tagged(op, tag), 0);
	sqe->user_data = tagged(op, TAG_CANCEL);
	op->owed++;
}

/* An exchange mostly waits for its answer, so its receiving half is tried
 * first, and both when that was not found. */
static void ask_to_end(struct uring *u, struct op *op, bool again)
{
	op->cancel_found = false;
	if (op->code == OP_EXCHANGE && again)
		cancel_one(u, op, TAG_SEND_HALF);
	cancel_one(u, op, 0);
}

/* It ends with the next completions, not here. */
static void take_back(struct uring *u, struct op *op)
{
	struct io_uring_sqe *sqe = next_sqe(u);

	io_uring_prep_nop(sqe);
	sqe->user_data = tagged(op, TAG_TAKEN_BACK);
	op->owed = 1;
}

static void uring_cancel(struct backend *backend, struct op *op)
{
	struct uring *u = uring_of(backend);

	if (op->state != OP_INFLIGHT)
		return;
	op->state = OP_CANCELLING;
	backend->counters->cancels++;
	if (!op->in_thread)
		ask_to_end(u, op, false);
	else if (uring_files_cancel(&u->files, op))
		take_back(u, op);
}

/* The sending half of an exchange completed with `res`, which in a linked
 * pair only happens when it fell short. True when the exchange goes on. */
static bool exchange_goes_on(struct uring *u, struct op *op, int32_t *res)
{
	if (*res < 0)
		return false;
	op->progress += (uint32_t)*res;
	op->sent = op->progress == op->u.rw.out_len;
	if (op->state == OP_CANCELLING || (*res == 0 && !op->sent)) {
		*res = op->state == OP_CANCELLING ? -ECANCELED : -EPIPE;
		return false;
	}
	if (op->sent)
		prep_recv(u, op);
	else
		prep_send(u, op, TAG_SEND_HALF, 0);
	return true;
}

/* The operation has come to its end. */
static void end(struct uring *u, struct op *op)
{
	u->inflight--;
	u->patient -= op->patient;
	op->state = OP_DONE;
	if (op->code == OP_OPENAT && op->res >= 0)
		uring_files_opened(&u->files, op->res);
	uring_tell_checkers(op);
	op->done(op);
}

static void complete(struct uring *u, uint64_t user_data, int32_t res)
{
	struct op *op = (struct op *)(uintptr_t)(user_data & ~TAG_MASK);

	if (user_data & TAG_CANCEL) {
		op->cancel_found |= res != -ENOENT;
	} else {
		if (user_data & TAG_SEND_HALF && exchange_goes_on(u, op, &res))
			return;
		if (op->code == OP_EXCHANGE && !(user_data & TAG_SEND_HALF))
			op->sent = true;
		if (uring_files_retry(&u->files, op, &res)) {
			in_thread(u, op);
			return;
		}
		if (user_data & TAG_TAKEN_BACK ||
		    (res == -EAGAIN && op->state == OP_CANCELLING))
			res = -ECANCELED;
		op->res = res;
		op->arrived = true;
	}
	op->owed--;
	if (op->owed == 1 && !op->arrived && !op->cancel_found)
		ask_to_end(u, op, true);
	if (op->owed > 0)
		return;
	end(u, op);
}

/* The file thread has done something. As that of the timerfd, this operation
 * is not among those that somebody asked for. */
static void files_done(struct op *poll)
{
	struct uring *u = (struct uring *)((char *)poll -
					   offsetof(struct uring, files_op));
	struct op *next;

	u->inflight++;
	for (struct op *op = uring_files_done(&u->files); op; op = next) {
		next = op->next;
		end(u, op);
	}
	if (u->files.under_way > 0 && poll->state != OP_INFLIGHT)
		queue(u, poll);
}

/* Delivers every completion that is there; `done` may queue more work, and
 * put more aside. */
static void drain(struct uring *u)
{
	struct uring_arrival arrival;

	for (;;) {
		for (uint32_t i = 0; i < u->aside.len; i++)
			complete(u, u->aside.at[i].user_data,
				 u->aside.at[i].res);
		u->aside.len = 0;
		if (!uring_arrival_take(&u->ring, &arrival))
			break;
		complete(u, arrival.user_data, arrival.res);
	}
}

static bool kernel_has_work(const struct uring *u)
{
	return __atomic_load_n(u->ring.sq.kflags, __ATOMIC_RELAXED) &
	       (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

static void uring_flush(struct backend *backend)
{
	struct uring *u = uring_of(backend);

	if (u->ring.sq.sqe_tail != *u->ring.sq.khead || kernel_has_work(u))
		enter(u, 0, NULL);
	if (u->aside.len || io_uring_cq_ready(&u->ring))
		drain(u);
}

/* The timerfd went off, or is being let go. It does not count as an
 * operation in flight: nobody asked for it. */
static void boot_done(struct op *op)
{
	struct uring *u =
		(struct uring *)((char *)op - offsetof(struct uring, boot_op));

	u->inflight++;
	u->boot_armed = INT64_MAX;
}

/* Keeps the timerfd armed for `latest`. An earlier time than needed is left
 * in place: it costs one idle turn. */
static void boot_arm(struct uring *u, int64_t latest)
{
	if (u->boot_op.state != OP_INFLIGHT)
		queue(u, &u->boot_op);
	if (latest >= u->boot_armed)
		return;
	if (latest < 1)
		latest = 1; /* zero would disarm it */
	struct itimerspec spec = {
		.it_value = { .tv_sec = latest / CLOCK_NS_PER_S,
			      .tv_nsec = latest % CLOCK_NS_PER_S },
	};
	if (timerfd_settime(u->boot_fd, TFD_TIMER_ABSTIME, &spec, NULL) < 0)
		fatal("timerfd_settime", -errno);
	u->boot_armed = latest;
}

/* When to wake, on the clock that the ring waits on; INT64_MAX: never. */
static int64_t wake_time(struct uring *u, const int64_t latest[CLOCK_ID_COUNT])
{
	int64_t mono = latest[CLOCK_ID_MONOTONIC];
	int64_t boot = latest[CLOCK_ID_BOOTTIME];

	if (!u->boot_clock) {
		if (boot != INT64_MAX)
			boot_arm(u, boot);
		return mono;
	}
	if (mono == INT64_MAX)
		return boot;
	int64_t suspended =
		kernel_clock(CLOCK_BOOTTIME) - kernel_clock(CLOCK_MONOTONIC);
	int64_t as_boot;
	if (__builtin_add_overflow(mono, suspended, &as_boot))
		return boot;
	return as_boot < boot ? as_boot : boot;
}

/* For how many microseconds a wait may be for all patient operations; 0: it is
 * for the first completion. */
static uint32_t patience(const struct uring *u)
{
	if (u->patient < 2 || !u->min_wait)
		return 0;
	return kernel_clock(CLOCK_MONOTONIC) < u->patient_until
		       ? TASK_PATIENCE_US
		       : 0;
}

static void uring_wait(struct backend *backend,
		       const int64_t latest[CLOCK_ID_COUNT])
{
	struct uring *u = uring_of(backend);
	int64_t wake = wake_time(u, latest);
	struct __kernel_timespec ts;
	const struct __kernel_timespec *until = NULL;
	unsigned want = u->aside.len || io_uring_cq_ready(&u->ring) ? 0 : 1;

	if (want && wake != INT64_MAX) {
		int64_t now = kernel_clock(u->boot_clock ? CLOCK_BOOTTIME
							 : CLOCK_MONOTONIC);
		int64_t at = u->absolute ? wake : wake - now;

		if (wake <= now)
			want = 0;
		ts.tv_sec = at / CLOCK_NS_PER_S;
		ts.tv_nsec = at % CLOCK_NS_PER_S;
		until = &ts;
	}
	if (want) {
		uint32_t min_us = patience(u);

		enter_min(u, min_us ? u->patient : 1, min_us, until);
	} else if (u->ring.sq.sqe_tail != *u->ring.sq.khead ||
		   kernel_has_work(u)) {
		enter(u, 0, NULL);
	}
	drain(u);
}

static uint32_t uring_inflight(const struct backend *backend)
{
	return ((const struct uring *)backend)->inflight;
}

/* The timerfd's read may still be in the kernel's hands: end it first, since
 * its memory goes with the backend. */
static void uring_free(struct backend *backend)
{
	struct uring *u = uring_of(backend);

	if (u->boot_op.state == OP_INFLIGHT)
		uring_cancel(backend, &u->boot_op);
	if (u->files_op.state == OP_INFLIGHT)
		uring_cancel(backend, &u->files_op);
	while (u->boot_op.state == OP_CANCELLING ||
	       u->files_op.state == OP_CANCELLING) {
		enter(u, 1, NULL);
		drain(u);
	}
	uring_files_free(&u->files);
	if (u->boot_fd >= 0)
		close(u->boot_fd);
	io_uring_queue_exit(&u->ring);
	uring_aside_free(&u->aside);
	free(u);
}

static const struct backend_ops uring_ops = {
	.name = "io_uring",
	.submit = uring_submit,
	.cancel = uring_cancel,
	.wait = uring_wait,
	.flush = uring_flush,
	.now = kernel_now,
	.wall = kernel_wall,
	.sys = kernel_sys,
	.random = kernel_random,
	.inflight = uring_inflight,
	.free = uring_free,
};

/* False when the kernel is too old for all that is asked of it. */
static bool find_features(struct uring *u, const struct rt_options *options)
{
	struct io_uring *ring = &u->ring;
	if (ring->features & FEAT_NO_IOWAIT)
		u->enter_flags |= ENTER_NO_IOWAIT;
	/* Same age as absolute waits (6.12), and as the repair of linked
	 * silent requests under DEFER_TASKRUN. */
	bool recent = uring_set_clock(ring, CLOCK_BOOTTIME);
	u->boot_clock = recent;
	if (recent && options->boot_timerfd) {
		uring_set_clock(ring, CLOCK_MONOTONIC);
		u->boot_clock = false;
	}
	u->absolute = recent;
	u->min_wait = recent;
	u->linked_exchange = recent && ring->features & IORING_FEAT_CQE_SKIP;
	if (io_uring_register_ring_fd(ring) == 1)
		u->enter_flags |= IORING_ENTER_REGISTERED_RING;
	return recent || uring_knows_all(ring);
}

int backend_uring_new(struct backend **out, const struct rt_options *options,
		      struct rt_counters *counters)
{
	struct uring *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	unsigned entries = options->ring_entries ? options->ring_entries
						 : RT_RING_DEFAULT;
	int err = uring_setup(&u->ring, entries,
			      options->backend == RT_BACKEND_URING);
	if (err)
		goto no_ring;
	u->base.ops = &uring_ops;
	u->base.counters = counters;
	u->boot_fd = -1;
	u->boot_armed = INT64_MAX;
	u->files_op = (struct op){ .code = OP_POLL, .done = files_done };
	u->files_op.u.events = POLLIN;
	for (unsigned i = 0; i < *u->ring.sq.kring_entries; i++)
		u->ring.sq.array[i] = i;
	if (!find_features(u, options)) {
		err = -ENOSYS;
		goto too_old;
	}
	if (!u->boot_clock) {
		u->boot_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
		if (u->boot_fd < 0) {
			err = -errno;
			goto too_old;
		}
		u->boot_op = (struct op){ .code = OP_READ,
					  .fd = u->boot_fd,
					  .done = boot_done };
		u->boot_op.u.rw.buf = &u->boot_count;
		u->boot_op.u.rw.len = sizeof(u->boot_count);
	}
	*out = &u->base;
	return 0;

too_old:
	io_uring_queue_exit(&u->ring);
no_ring:
	free(u);
	return err;
}
