// SPDX-License-Identifier: MIT
/*
 * The epoll backend.
 *
 * An operation on a socket or pipe is tried without blocking and, if that
 * gives nothing, waits in a list of its descriptor until epoll says that it is
 * worth another try. What may wait for a disk goes to a thread (file_worker.h).
 *
 * Descriptors that this backend made (sockets, accepted connections) are
 * non-blocking and stay registered with the events last wanted, so that a
 * request and its answer cost no epoll_ctl. Others, which somebody else may
 * close behind its back, are registered for as long as something waits on
 * them. Flags of inherited descriptors are not touched: calls carry their own
 * (MSG_DONTWAIT, RWF_NOWAIT), and where a file does not know those it is
 * polled and then read once, or written a piece at a time that fits. Terminals
 * are opened anew for writing.
 *
 * Deadlines on CLOCK_BOOTTIME are a timerfd's, since epoll waits on
 * CLOCK_MONOTONIC.
 */
#include "runtime/backend.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "runtime/backend_kernel.h"
#include "runtime/epoll_try.h"
#include "runtime/file_worker.h"
#include "runtime/rt.h"

#define EVENTS_MAX 64
/* Turns that may go by without a look at epoll while results are at hand. */
#define SKIPS_MAX 8u
/* Data of an epoll event that is no descriptor of an operation. */
#define FROM_TIMER UINT64_MAX
#define FROM_WORKER (UINT64_MAX - 1)

/* What is known about a descriptor, by its number. */
struct fd_state {
	struct op *first, *last; /* waiting, in the order they came */
	uint32_t mask;		 /* registered events, 0: it is not */
	bool ours;
};

struct epoll {
	struct backend base;
	int fd;
	struct fd_state *fds;
	uint32_t fd_count;
	uint32_t waiting; /* operations in the lists of descriptors */
	uint32_t inflight;
	struct op *done_first, *done_last;
	unsigned skips;
	bool coarse; /* no epoll_pwait2 here */
	struct file_worker *worker;
	int timer_fd;
	int64_t timer_at; /* INT64_MAX: not armed */
	struct epoll_terminals terminals;
};

static struct epoll *epoll_of(struct backend *backend)
{
	return (struct epoll *)backend;
}

static _Noreturn void fatal(const char *what, int err)
{
	fprintf(stderr, "runtime: %s: %s\n", what, strerror(err));
	abort();
}

static void count_call(struct epoll *e)
{
	e->base.counters->enters++;
}

/* The operation has come to its end; it is told so in the next turn. */
static void finish(struct epoll *e, struct op *op, int res)
{
	op->res = res;
	op->next = NULL;
	if (e->done_last)
		e->done_last->next = op;
	else
		e->done_first = op;
	e->done_last = op;
}

static struct fd_state *state_of(struct epoll *e, int fd)
{
	uint32_t index = (uint32_t)fd;

	if (index >= e->fd_count) {
		uint32_t count = e->fd_count ? e->fd_count : 32;
		struct fd_state *fds;

		while (count <= index)
			count *= 2;
		fds = realloc(e->fds, count * sizeof(*fds));
		if (!fds)
			return NULL;
		memset(fds + e->fd_count, 0,
		       (count - e->fd_count) * sizeof(*fds));
		e->fds = fds;
		e->fd_count = count;
	}
	return &e->fds[index];
}

/* Notes a descriptor that was made here. */
static void adopt(struct epoll *e, int fd)
{
	struct fd_state *state = state_of(e, fd);

	if (state)
		*state = (struct fd_state){ .ours = true };
}

static bool is_ours(const struct epoll *e, int fd)
{
	return (uint32_t)fd < e->fd_count && e->fds[fd].ours;
}

static int control(struct epoll *e, int what, int fd, uint32_t mask)
{
	struct epoll_event event = { .events = mask, .data.u64 = (uint64_t)fd };

	count_call(e);
	return epoll_ctl(e->fd, what, fd, &event) < 0 ? -errno : 0;
}

static uint32_t wanted(const struct fd_state *state)
{
	uint32_t mask = 0;

	for (const struct op *op = state->first; op; op = op->next)
		mask |= op->want;
	return mask;
}

/* Registers what is wanted of the descriptor, if that is not so already. The
 * number may have been given to another file meanwhile, so what is registered
 * is what the kernel says. 0 or a negative errno: -EPERM for files that epoll
 * does not know. */
static int update(struct epoll *e, int fd, struct fd_state *state)
{
	uint32_t want = wanted(state);
	int err;

	if (want == 0 && state->mask != 0 && !state->ours) {
		control(e, EPOLL_CTL_DEL, fd, 0);
		state->mask = 0;
	}
	if (want == 0 || (state->ours && (want & ~state->mask) == 0))
		return 0;
	err = control(e, state->mask ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, want);
	if (err == -ENOENT)
		err = control(e, EPOLL_CTL_ADD, fd, want);
	else if (err == -EEXIST)
		err = control(e, EPOLL_CTL_MOD, fd, want);
	state->mask = err ? 0 : want;
	return err;
}

static void unlink_op(struct epoll *e, struct fd_state *state, struct op *op)
{
	struct op *before = NULL;

	for (struct op *at = state->first; at && at != op; at = at->next)
		before = at;
	if (before)
		before->next = op->next;
	else
		state->first = op->next;
	if (state->last == op)
		state->last = before;
	e->waiting--;
}

/* A plain file, or another that epoll does not watch: always ready, for the
 * thread to wait on. */
static void to_worker(struct epoll *e, struct op *op)
{
	if (op->code == OP_POLL)
		finish(e, op, op->u.events & (POLLIN | POLLOUT));
	else if (!file_worker_submit(e->worker, op))
		finish(e, op, file_worker_perform(op));
}

/* Lets the operation wait until one of `events` holds. */
static void await(struct epoll *e, struct op *op, uint32_t events)
{
	struct fd_state *state = op->fd < 0 ? NULL : state_of(e, op->fd);
	int err;

	if (!state) {
		finish(e, op, op->fd < 0 ? -EBADF : -ENOMEM);
		return;
	}
	op->want = events;
	op->next = NULL;
	if (state->last)
		state->last->next = op;
	else
		state->first = op;
	state->last = op;
	e->waiting++;
	err = update(e, op->fd, state);
	if (err == 0)
		return;
	unlink_op(e, state, op);
	op->want = 0;
	if (err == -EPERM)
		to_worker(e, op);
	else
		finish(e, op, err);
}

/* What has to hold before the operation can go on. */
static uint32_t direction(const struct op *op)
{
	switch (op->code) {
	case OP_WRITE:
	case OP_SEND:
	case OP_CONNECT:
		return EPOLLOUT;
	case OP_EXCHANGE:
		return op->sent ? EPOLLIN : EPOLLOUT;
	case OP_POLL:
		return (uint32_t)op->u.events;
	default:
		return EPOLLIN;
	}
}

static int attempt(struct epoll *e, struct op *op, bool ready)
{
	int res;

	count_call(e);
	res = epoll_try(op, ready, is_ours(e, op->fd), &e->terminals);
	if (res >= 0 && op->code == OP_ACCEPT)
		adopt(e, res);
	return res;
}

static void start_attempt(struct epoll *e, struct op *op)
{
	int res = attempt(e, op, false);

	if (res == EPOLL_TRY_AGAIN)
		await(e, op, direction(op));
	else if (res == EPOLL_TRY_FILE)
		to_worker(e, op);
	else
		finish(e, op, res);
}

static void close_fd(struct epoll *e, struct op *op)
{
	if ((uint32_t)op->fd < e->fd_count) {
		struct fd_state *state = &e->fds[op->fd];

		if (state->mask)
			control(e, EPOLL_CTL_DEL, op->fd, 0);
		while (state->first) {
			struct op *waiting = state->first;

			unlink_op(e, state, waiting);
			waiting->want = 0;
			finish(e, waiting, -ECANCELED);
		}
		*state = (struct fd_state){ 0 };
	}
	count_call(e);
	finish(e, op, close(op->fd) < 0 ? -errno : 0);
}

static void epoll_submit(struct backend *backend, struct op *op)
{
	struct epoll *e = epoll_of(backend);

	e->inflight++;
	backend->counters->ops++;
	op->state = OP_INFLIGHT;
	op->want = 0;
	op->progress = 0;
	switch (op->code) {
	case OP_CLOSE:
		close_fd(e, op);
		break;
	case OP_RECV: /* mostly there is nothing yet */
	case OP_POLL:
		await(e, op, direction(op));
		break;
	case OP_EXCHANGE:
		op->sent = op->u.rw.out_len == 0;
		__attribute__((fallthrough));
	case OP_READ:
	case OP_WRITE:
	case OP_SEND:
	case OP_ACCEPT:
	case OP_CONNECT:
		start_attempt(e, op);
		break;
	case OP_OPENAT:
	case OP_FSYNC:
	case OP_RENAMEAT:
	case OP_UNLINKAT:
	case OP_MKDIRAT:
		to_worker(e, op);
		break;
	}
}

static void epoll_cancel(struct backend *backend, struct op *op)
{
	struct epoll *e = epoll_of(backend);

	if (op->state != OP_INFLIGHT)
		return;
	op->state = OP_CANCELLING;
	backend->counters->cancels++;
	if (op->want) {
		struct fd_state *state = &e->fds[op->fd];

		unlink_op(e, state, op);
		op->want = 0;
		update(e, op->fd, state);
		finish(e, op, -ECANCELED);
	} else if (file_worker_cancel(e->worker, op)) {
		finish(e, op, -ECANCELED);
	} /* else it is done, or past stopping */
}

/* Gives the descriptor's operations another try, in their order. */
static void on_events(struct epoll *e, int fd, uint32_t events)
{
	struct fd_state *state = &e->fds[fd];
	struct op *next;
	bool matched = false;

	for (struct op *op = state->first; op; op = next) {
		int res;

		next = op->next;
		if (!(events & (op->want | EPOLLERR | EPOLLHUP)))
			continue;
		matched = true;
		if (op->code == OP_POLL)
			res = (int)(events & (op->want | EPOLLERR | EPOLLHUP));
		else
			res = attempt(e, op, true);
		state = &e->fds[fd]; /* an accept may have moved them */
		if (res == EPOLL_TRY_AGAIN) {
			op->want = direction(op);
			continue;
		}
		unlink_op(e, state, op);
		op->want = 0;
		if (res == EPOLL_TRY_FILE)
			to_worker(e, op);
		else
			finish(e, op, res);
	}
	if (state->ours && !matched) {
		/* Nobody wants to know: or it would be told again and again. */
		control(e, EPOLL_CTL_DEL, fd, 0);
		state->mask = 0;
	}
	update(e, fd, state);
}

static void take_from_worker(struct epoll *e)
{
	struct op *next;

	for (struct op *op = file_worker_done(e->worker); op; op = next) {
		next = op->next;
		finish(e, op, op->res);
	}
}

/* Tells the operations that are done, but not those that follow from it. */
static void deliver(struct epoll *e)
{
	struct op *op = e->done_first, *next;

	e->done_first = e->done_last = NULL;
	for (; op; op = next) {
		next = op->next;
		e->inflight--;
		op->state = OP_DONE;
		op->done(op);
	}
}

/* epoll_wait(2) for so many nanoseconds; -1: for ever. */
static int wait_events(struct epoll *e, struct epoll_event *events,
		       int64_t wait_ns)
{
	struct timespec ts = { .tv_sec = wait_ns / CLOCK_NS_PER_S,
			       .tv_nsec = wait_ns % CLOCK_NS_PER_S };
	int64_t ms;

	count_call(e);
	if (wait_ns != 0)
		e->base.counters->waits++;
	if (wait_ns > 0 && !e->coarse) {
		int n = (int)syscall(SYS_epoll_pwait2, e->fd, events,
				     EVENTS_MAX, &ts, NULL, (size_t)0);
		if (n >= 0 || (errno != ENOSYS && errno != EPERM))
			return n;
		e->coarse = true;
	}
	ms = wait_ns < 0 ? -1
			 : (wait_ns + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS;
	return epoll_wait(e->fd, events, EVENTS_MAX,
			  ms > INT_MAX ? INT_MAX : (int)ms);
}

static void look(struct epoll *e, int64_t wait_ns)
{
	struct epoll_event events[EVENTS_MAX];
	int n = wait_events(e, events, wait_ns);

	e->skips = 0;
	if (n < 0 && errno != EINTR)
		fatal("epoll_wait", errno);
	for (int i = 0; i < n; i++) {
		uint64_t from = events[i].data.u64;

		if (from == FROM_TIMER)
			e->timer_at = INT64_MAX;
		else if (from == FROM_WORKER)
			take_from_worker(e);
		else
			on_events(e, (int)from, events[i].events);
	}
}

/* Keeps the timerfd armed for `latest`. An earlier time than needed is left in
 * place: it costs one idle turn. */
static void arm_timer(struct epoll *e, int64_t latest)
{
	struct itimerspec spec = { 0 };

	if (latest >= e->timer_at)
		return;
	if (latest < 1)
		latest = 1; /* zero would disarm it */
	spec.it_value.tv_sec = latest / CLOCK_NS_PER_S;
	spec.it_value.tv_nsec = latest % CLOCK_NS_PER_S;
	count_call(e);
	if (timerfd_settime(e->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL) < 0)
		fatal("timerfd_settime", errno);
	e->timer_at = latest;
}

static void epoll_flush(struct backend *backend)
{
	struct epoll *e = epoll_of(backend);

	if (e->waiting || e->inflight)
		look(e, 0);
	deliver(e);
}

static void epoll_wait_turn(struct backend *backend,
			    const int64_t latest[CLOCK_ID_COUNT])
{
	struct epoll *e = epoll_of(backend);
	int64_t wait_ns = -1;

	if (e->done_first) {
		if (e->skips++ >= SKIPS_MAX)
			look(e, 0);
		deliver(e);
		return;
	}
	if (latest[CLOCK_ID_BOOTTIME] != INT64_MAX)
		arm_timer(e, latest[CLOCK_ID_BOOTTIME]);
	if (latest[CLOCK_ID_MONOTONIC] != INT64_MAX) {
		wait_ns = latest[CLOCK_ID_MONOTONIC] -
			  kernel_clock(CLOCK_MONOTONIC);
		if (wait_ns < 0)
			wait_ns = 0;
	}
	look(e, wait_ns);
	deliver(e);
}

/* Sockets are made non-blocking: nobody else has them. */
static int epoll_sys(struct backend *backend, struct sys_call *call)
{
	struct sys_call changed = *call;
	int res;

	if (call->code != SYS_SOCKET)
		return kernel_sys(backend, call);
	changed.b |= SOCK_NONBLOCK;
	res = kernel_sys(backend, &changed);
	if (res >= 0)
		adopt(epoll_of(backend), res);
	return res;
}

static uint32_t epoll_inflight(const struct backend *backend)
{
	return ((const struct epoll *)backend)->inflight;
}

static void epoll_free(struct backend *backend)
{
	struct epoll *e = epoll_of(backend);

	epoll_try_close(&e->terminals);
	if (e->worker)
		file_worker_free(e->worker);
	if (e->timer_fd >= 0)
		close(e->timer_fd);
	if (e->fd >= 0)
		close(e->fd);
	free(e->fds);
	free(e);
}

static const struct backend_ops epoll_ops = {
	.name = "epoll",
	.submit = epoll_submit,
	.cancel = epoll_cancel,
	.wait = epoll_wait_turn,
	.flush = epoll_flush,
	.now = kernel_now,
	.wall = kernel_wall,
	.sys = epoll_sys,
	.random = kernel_random,
	.inflight = epoll_inflight,
	.free = epoll_free,
};

/* The timer is edge-triggered: arming it again resets it, so that it need not
 * be read. */
static int open_all(struct epoll *e)
{
	struct epoll_event timer = { .events = EPOLLIN | EPOLLET,
				     .data.u64 = FROM_TIMER };
	struct epoll_event worker = { .events = EPOLLIN,
				      .data.u64 = FROM_WORKER };
	int err;

	e->fd = epoll_create1(EPOLL_CLOEXEC);
	if (e->fd < 0)
		return -errno;
	e->timer_fd =
		timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (e->timer_fd < 0)
		return -errno;
	err = file_worker_new(&e->worker);
	if (err)
		return err;
	if (epoll_ctl(e->fd, EPOLL_CTL_ADD, e->timer_fd, &timer) < 0 ||
	    epoll_ctl(e->fd, EPOLL_CTL_ADD, file_worker_fd(e->worker),
		      &worker) < 0)
		return -errno;
	return 0;
}

int backend_epoll_new(struct backend **out, const struct rt_options *options,
		      struct rt_counters *counters)
{
	struct epoll *e = calloc(1, sizeof(*e));
	int err;

	(void)options;
	if (!e)
		return -ENOMEM;
	e->base.ops = &epoll_ops;
	e->base.counters = counters;
	e->fd = e->timer_fd = -1;
	e->timer_at = INT64_MAX;
	err = open_all(e);
	if (err) {
		epoll_free(&e->base);
		return err;
	}
	*out = &e->base;
	return 0;
}
