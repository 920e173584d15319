// SPDX-License-Identifier: MIT
//
// The peers of `switch`, in the best form each has: Boost.Fiber (its
// round-robin scheduler, pooled stacks), Boost.Context's fiber class and its
// raw fcontext, both with a ready list and switching task to task. For each
// line on stdin ("yield-fiber", …) one repetition runs and its nanoseconds
// per operation are printed.
#include <boost/context/detail/fcontext.hpp>
#include <boost/context/fiber.hpp>
#include <boost/context/fixedsize_stack.hpp>
#include <boost/fiber/all.hpp>

#include <chrono>
#include <iostream>
#include <string>
#include <vector>

namespace
{
constexpr int tasks = 64;
constexpr long yields = 40000; // by each task
constexpr long spawns = 400000;

using steady = std::chrono::steady_clock;

double per_op(steady::time_point start, long ops)
{
	std::chrono::duration<double, std::nano> spent = steady::now() - start;
	return spent.count() / static_cast<double>(ops);
}

boost::fibers::pooled_fixedsize_stack pool;

double yield_fiber()
{
	std::vector<boost::fibers::fiber> fibers;
	auto work = [] {
		for (long i = 0; i < yields; i++)
			boost::this_fiber::yield();
	};
	for (int i = 0; i < tasks; i++)
		fibers.emplace_back(std::allocator_arg, pool, work);
	auto start = steady::now();
	for (auto &fiber : fibers)
		fiber.join();
	return per_op(start, tasks * yields);
}

double spawn_fiber()
{
	auto start = steady::now();
	for (long i = 0; i < spawns; i++)
		boost::fibers::fiber(boost::fibers::launch::dispatch,
				     std::allocator_arg, pool, [] {})
			.join();
	return per_op(start, spawns);
}

// A ready list: a ring, since the number of tasks is known.
template <typename T> struct ring {
	static constexpr unsigned size = 2 * tasks; // a power of two
	T slots[size];
	unsigned head = 0, tail = 0;

	void push(T value)
	{
		slots[tail++ % size] = std::move(value);
	}
	T pop()
	{
		return std::move(slots[head++ % size]);
	}
	bool empty() const
	{
		return head == tail;
	}
};

namespace ctx = boost::context;

ring<ctx::fiber> ready;
ctx::fiber home; // where the last task goes

// What arrives is who switched to us: nothing when that task has ended.
void made_way(ctx::fiber &&from)
{
	if (from)
		ready.push(std::move(from));
}

__attribute__((noinline)) void context_yield()
{
	made_way(ready.pop().resume());
}

double yield_context()
{
	for (int i = 0; i < tasks; i++) {
		// The first resume only brings the task to its loop.
		ctx::fiber fiber{ [](ctx::fiber &&maker) {
			ctx::fiber from = std::move(maker).resume();
			if (home)
				made_way(std::move(from));
			else
				home = std::move(from);
			for (long n = 0; n < yields; n++)
				context_yield();
			return ready.empty() ? std::move(home) : ready.pop();
		} };
		ready.push(std::move(fiber).resume());
	}
	auto start = steady::now();
	ready.pop().resume();
	return per_op(start, tasks * yields);
}

namespace raw = boost::context::detail;

ring<raw::fcontext_t> raw_ready;
raw::fcontext_t raw_home;
char ended; // its address is what a task that ends passes on

void raw_made_way(raw::transfer_t from)
{
	if (from.data != &ended)
		raw_ready.push(from.fctx);
}

__attribute__((noinline)) void raw_yield()
{
	raw_made_way(raw::jump_fcontext(raw_ready.pop(), nullptr));
}

void raw_task(raw::transfer_t from)
{
	if (raw_home)
		raw_made_way(from);
	else
		raw_home = from.fctx;
	for (long n = 0; n < yields; n++)
		raw_yield();
	raw::jump_fcontext(raw_ready.empty() ? raw_home : raw_ready.pop(),
			   &ended);
}

double yield_fcontext()
{
	ctx::fixedsize_stack allocator;
	std::vector<ctx::stack_context> stacks;
	raw_home = nullptr;
	for (int i = 0; i < tasks; i++) {
		stacks.push_back(allocator.allocate());
		raw_ready.push(raw::make_fcontext(
			stacks.back().sp, stacks.back().size, raw_task));
	}
	auto start = steady::now();
	raw::jump_fcontext(raw_ready.pop(), nullptr);
	double ns = per_op(start, tasks * yields);
	for (auto &stack : stacks)
		allocator.deallocate(stack);
	return ns;
}
} // namespace

int main()
{
	for (std::string what; std::getline(std::cin, what);) {
		double ns = what == "yield-fiber"    ? yield_fiber() :
			    what == "yield-context"  ? yield_context() :
			    what == "yield-fcontext" ? yield_fcontext() :
			    what == "spawn-fiber"    ? spawn_fiber() :
						       -1;
		if (ns < 0) {
			std::cerr << "switch_boost: " << what << "?\n";
			return 1;
		}
		std::cout << ns << std::endl;
	}
}
